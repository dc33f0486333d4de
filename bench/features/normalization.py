"""Masks, lengths, virtual batches and backward from y. Each function returns the calls to time,
by name, after it has compared their results. `like` is the plain call of cubn that a feature is
measured against."""

from library import BatchNormTensors, INT8, NCHW, NHWC, fill
from turns import require_near

EPSILON = 1e-5
AXES = (0, 2, 3)
VALID_SHARE = 0.7


class Layer:
    """Tensors of a layer, and plain calls on them."""

    def __init__(self, torch, cubn, shape, channels_last):
        self.torch, self.cubn, self.shape, self.channels_last = torch, cubn, shape, channels_last
        layout = torch.channels_last if channels_last else torch.contiguous_format
        self.new = lambda: torch.randn(shape).contiguous(memory_format=layout)
        self.x, self.dy, self.y, self.dx = self.new(), self.new(), self.new(), self.new()
        channels = shape[1]
        self.scale, self.bias = torch.rand(channels) + 0.5, torch.rand(channels) - 0.5
        self.dscale, self.dbias = torch.zeros(channels), torch.zeros(channels)
        self.image = cubn.tensor(shape, NHWC if channels_last else NCHW)
        self.param = cubn.param(self.image)

    def saved(self, batches=1):
        return {name: self.torch.zeros(batches * self.shape[1])
                for name in ("saved_mean", "saved_inv_std")}

    def forward(self, descriptor, saved, y, descriptors=None, **arrays):
        tensors = fill(BatchNormTensors(), dict(x_desc=self.image, y_desc=self.image,
                                                param_desc=self.param, **(descriptors or {})),
                       dict(x=self.x, y=y, scale=self.scale, bias=self.bias, **saved, **arrays))
        return self.cubn.prepared("cubnBatchNormForward", descriptor, tensors)

    def backward(self, descriptor, saved, dx, descriptors=None, **arrays):
        chosen = {"x": self.x} if "y" not in arrays else {}
        tensors = fill(BatchNormTensors(), dict(x_desc=self.image, y_desc=self.image,
                                                dy_desc=self.image, dx_desc=self.image,
                                                param_desc=self.param, **(descriptors or {})),
                       dict(dy=self.dy, dx=dx, scale=self.scale, bias=self.bias, **chosen,
                            dscale=self.dscale, dbias=self.dbias, **saved, **arrays))
        return self.cubn.prepared("cubnBatchNormBackward", descriptor, tensors)

    def plain(self, backward):
        """The call without the feature, into tensors of its own."""
        descriptor, saved = self.cubn.batch_norm(), self.saved()
        forward = self.forward(descriptor, saved, self.new())
        forward()
        return self.backward(descriptor, saved, self.new()) if backward else forward

    def leaves(self):
        """x, scale and bias as PyTorch differentiates with respect to them."""
        return [tensor.detach().clone(memory_format=self.torch.preserve_format).requires_grad_()
                for tensor in (self.x, self.scale, self.bias)]

    def compare(self, theirs, backward):
        names = ("dx", "dscale", "dbias") if backward else ("y",)
        for name, value in zip(names, theirs):
            require_near(name, getattr(self, name), value.detach())


def by_autograd(layer, formula, backward):
    """PyTorch's call of a formula of (x, scale, bias): forward without gradients, or backward."""
    torch, leaves = layer.torch, layer.leaves()
    if not backward:
        def forward():
            with torch.no_grad():
                return (formula(*leaves),)
        return forward
    y = formula(*leaves)
    return lambda: torch.autograd.grad(y, leaves, layer.dy, retain_graph=True)


def masked(layer, backward, kind):
    """`kind` is "mask", a byte per sample and position, or "lengths" along the height."""
    torch, (n, _, h, w) = layer.torch, layer.shape
    if kind == "mask":
        valid = torch.rand(n, 1, h, w) < VALID_SHARE
        given = {"mask": valid.to(torch.uint8)}
        descriptors = {"mask_desc": layer.cubn.tensor((n, 1, h, w), NCHW, INT8)}
    else:
        lengths = torch.randint(int(h * (2 * VALID_SHARE - 1)), h + 1, (n,), dtype=torch.int32)
        valid = (torch.arange(h)[None, :] < lengths[:, None])[:, None, :, None].expand(n, 1, h, w)
        given, descriptors = {"lengths": lengths}, {}
    descriptor, saved = layer.cubn.batch_norm(lengths_dim=2), layer.saved()
    forward = layer.forward(descriptor, saved, layer.y, descriptors, **given)
    forward()
    ours = (layer.backward(descriptor, saved, layer.dx, descriptors, **given) if backward
            else forward)
    weights = valid.to(torch.float32)
    count = weights.sum()

    def formula(x, scale, bias):
        mean = (x * weights).sum(AXES, keepdim=True) / count
        centered = (x - mean) * weights
        var = (centered * centered).sum(AXES, keepdim=True) / count
        gain = torch.rsqrt(var + EPSILON) * scale.view(1, -1, 1, 1)
        return (centered * gain + bias.view(1, -1, 1, 1)) * weights

    theirs = by_autograd(layer, formula, backward)
    ours()
    layer.compare(theirs(), backward)
    return {"cubn": ours, "like": layer.plain(backward), "torch": theirs}


def virtual(layer, backward, samples):
    """Statistics of every `samples` samples; PyTorch normalizes the slices in a loop."""
    torch, batches = layer.torch, -(-layer.shape[0] // samples)
    descriptor, saved = layer.cubn.batch_norm(virtual_batch=samples), layer.saved(batches)
    forward = layer.forward(descriptor, saved, layer.y)
    forward()
    ours = layer.backward(descriptor, saved, layer.dx) if backward else forward

    def formula(x, scale, bias):
        return torch.cat([torch.nn.functional.batch_norm(part, None, None, scale, bias, True)
                          for part in x.split(samples)])

    theirs = by_autograd(layer, formula, backward)
    ours()
    layer.compare(theirs(), backward)
    return {"cubn": ours, "like": layer.plain(backward), "torch": theirs}


def from_y(layer):
    """Backward from y beside backward from x. PyTorch has no such call: it keeps x."""
    descriptor, saved = layer.cubn.batch_norm(backward_from=1), layer.saved()
    layer.forward(layer.cubn.batch_norm(), saved, layer.y)()
    ours = layer.backward(descriptor, saved, layer.dx, y=layer.y)

    def formula(x, scale, bias):
        return layer.torch.nn.functional.batch_norm(x, None, None, scale, bias, True)

    theirs = by_autograd(layer, formula, True)
    ours()
    layer.compare(theirs(), True)
    return {"cubn": ours, "like": layer.plain(True), "torch": theirs}
