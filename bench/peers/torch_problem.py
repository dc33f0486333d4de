"""Problem lines as PyTorch runs them: tensors, calls, and the check of results."""

import re

LAYOUTS = {"nc", "ncw", "nchw", "ncdhw", "nhwc", "ndhwc"}
FUSED = {"relu": (False, True), "add": (True, False), "add_relu": (True, True)}
CHECKED_CHANNELS = 2


class Refused(Exception):
    """A correct line that this peer does not run."""


def parse_line(text):
    """The problem of a line, as a dictionary."""
    counted = re.match(r"(\d+)x\s+(.*)", text)
    count, line = (int(counted.group(1)), counted.group(2)) if counted else (1, text)
    words = line.split()
    if len(words) < 4 or words[0] not in ("train", "infer", "backward"):
        raise ValueError("not a problem line: %r" % text)
    dims = [int(size) for size in re.findall(r"[a-z](\d+)", words[3])]
    problem = {"line": line, "count": count, "pass": words[0], "layout": words[1], "type": words[2],
               "dims": dims, "eps": 1e-5, "factor": 0.1, "mean": 0.5, "std": 1.0,
               "adds": False, "relu": False}
    for option in words[4:]:
        name, _, value = option.partition("=")
        if option in FUSED:
            problem["adds"], problem["relu"] = FUSED[option]
        elif name in ("eps", "factor", "mean", "std"):
            problem[name] = float(value)
        else:
            raise Refused("option %s" % option)
    if problem["layout"] not in LAYOUTS or len(dims) != len(problem["layout"]):
        raise Refused("layout %s" % problem["layout"])
    return problem


def floor_bytes(problem, elements, element_bytes):
    """The bytes that the operation has to move, as cubn-bench counts them."""
    backward = problem["pass"] == "backward"
    tensors = (3 if backward else 2) + (1 if problem["adds"] else 0)
    has_mask = problem["adds"] and problem["relu"] and problem["pass"] != "infer"
    return tensors * elements * element_bytes + (elements // 8 if has_mask else 0)


def make_tensors(torch, problem, device):
    """x, dy, z, scale, bias, mean, var by name."""
    dtype = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32,
             "f64": torch.float64}[problem["type"]]
    formats = {"nhwc": torch.channels_last, "ndhwc": torch.channels_last_3d}
    layout = formats.get(problem["layout"], torch.contiguous_format)
    generator = torch.Generator().manual_seed(1)

    def tensor(mean, std):
        values = torch.randn(problem["dims"], generator=generator) * std + mean
        return values.to(dtype=dtype, device=device).to(memory_format=layout)

    channels = problem["dims"][1]
    params = torch.float64 if dtype == torch.float64 else torch.float32
    return {"x": tensor(problem["mean"], problem["std"]),
            "dy": tensor(0.25, 1.0) if problem["pass"] == "backward" else None,
            "z": tensor(0.0, 1.0) if problem["adds"] else None,
            "scale": torch.linspace(0.5, 1.5, channels, dtype=params, device=device),
            "bias": torch.linspace(-1, 1, channels, dtype=params, device=device),
            "mean": torch.full((channels,), problem["mean"], dtype=params, device=device),
            "var": torch.full((channels,), problem["std"] ** 2, dtype=params, device=device)}


def make_forward(torch, problem):
    """The code of a network for the layer, in place where networks do so."""
    functional = torch.nn.functional
    training, adds, relu = problem["pass"] != "infer", problem["adds"], problem["relu"]
    factor, eps = problem["factor"], problem["eps"]

    def forward(x, z, mean, var, scale, bias):
        y = functional.batch_norm(x, mean, var, scale, bias, training, factor, eps)
        if adds:
            y += z
        return functional.relu(y, inplace=True) if relu else y

    return forward


def make_call(torch, problem, tensors, variant):
    """The call to time, which returns y or dx, and for backward the y of its forward call."""
    forward = make_forward(torch, problem)
    if variant == "compile":
        # The graph is kept, so its saved tensors must not be reused as buffers.
        if hasattr(torch._functorch.config, "donated_buffer"):
            torch._functorch.config.donated_buffer = False
        forward = torch.compile(forward, dynamic=False)
    arguments = [tensors[name] for name in ("x", "z", "mean", "var", "scale", "bias")]
    if problem["pass"] != "backward":
        def call():
            with torch.no_grad():
                return forward(*arguments)
        return call, None
    leaves = [tensors[name].detach().requires_grad_(True)
              for name in ("x", "scale", "bias", "z") if tensors[name] is not None]
    by_name = dict(zip(("x", "scale", "bias", "z"), leaves))
    # Own running statistics: the forward call of another variant would change them.
    y = forward(by_name["x"], by_name.get("z"), tensors["mean"].clone(), tensors["var"].clone(),
                by_name["scale"], by_name["bias"])
    dy = tensors["dy"]
    return lambda: torch.autograd.grad(y, leaves, dy, retain_graph=True)[0], y


def largest_error(torch, problem, tensors, y, result):
    """Against the formulas in double, in the first channels. ReLU of backward decides by y."""
    used = min(CHECKED_CHANNELS, problem["dims"][1])
    axes = [axis for axis in range(len(problem["dims"])) if axis != 1]
    shape = [-1 if axis == 1 else 1 for axis in range(len(problem["dims"]))]

    def first(tensor):
        return None if tensor is None else tensor.detach()[:, :used].double()

    x, dy, z = (first(tensors[name]) for name in ("x", "dy", "z"))
    scale, bias, mean, var = (tensors[name].detach()[:used].double().reshape(shape)
                              for name in ("scale", "bias", "mean", "var"))
    if problem["pass"] != "infer":
        mean, var = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, unbiased=False)
    inv_std = (var + problem["eps"]).rsqrt()
    x_hat = (x - mean) * inv_std
    if problem["pass"] == "backward":
        dp = dy * (first(y) > 0) if problem["relu"] else dy
        dbias, dscale = dp.mean(axes, keepdim=True), (dp * x_hat).mean(axes, keepdim=True)
        wanted = scale * inv_std * (dp - dbias - x_hat * dscale)
    else:
        wanted = scale * x_hat + bias
        if problem["adds"]:
            wanted = wanted + z
        if problem["relu"]:
            wanted = wanted.clamp(min=0)
    return (first(result) - wanted).abs().max().item()
