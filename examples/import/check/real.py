"""The programs whose files examples/import reads: each writes or reads a file itself, and
normalizes the input of examples/import/run.h. For scripts/import_check.sh."""
import csv
import ctypes
import math
import pathlib
import re
import subprocess
import sys

import numpy

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
sys.path.insert(0, str(ROOT / "bench/peers/facts"))
PIXELS = 4


def make_input(channels):
    x = [[4 * math.sin(7.0 * c + i) for i in range(PIXELS)] for c in range(channels)]
    return numpy.array(x, numpy.float32).reshape(channels, 2, 2)


def make_params(generator, channels):
    """scale, bias, mean, var; the first variance makes the place of epsilon matter."""
    drawn = [generator.uniform(least, most, channels).astype(numpy.float32)
             for least, most in ((0.5, 2), (-1, 1), (-2, 2), (0.1, 3))]
    drawn[3][0] = 1e-11
    return drawn


class Norm:
    """What the program answered, and the size of the terms that it added."""

    def __init__(self, y, params):
        self.y = numpy.asarray(y, numpy.float32).reshape(len(params[0]), PIXELS)
        self.params = params


# ---- ncnn

NCNN_LAYERS = """\
Input in 0 1 x
Convolution conv 1 1 x b1 0=3 1=3 4=1 5=1 6=54
BatchNorm bn1 1 1 b1 b2 0=3 1=1.000000e-05
PReLU prelu 1 1 b2 b3 0=3
ConvolutionDepthWise half 1 1 b3 b4 0=3 1=3 4=1 5=0 6=27 7=3
BatchNorm bn2 1 1 b4 b5 0=3
Scale scale 1 1 b5 b6 0=3 1=1
GroupNorm group 1 1 b6 b7 0=1 1=3
Split split 1 2 b7 b8 b9
Eltwise sum 2 1 b8 b9 b10 0=1 -23301=2,0.5,0.5
Pooling pool 1 1 b10 b11 0=1 4=1
InnerProduct inner 1 1 b11 b12 0=5 1=1 2=15
Bias bias 1 1 b12 c1 0=5
LayerNorm layer 1 1 c1 c2 0=5
Convolution1D line 1 1 c2 c3 0=5 1=1 5=1 6=25
Deconvolution back 1 1 c3 c4 0=5 1=1 5=1 6=25
DeconvolutionDepthWise each 1 1 c4 c5 0=5 1=1 5=1 6=5 7=5
BatchNorm bn3 1 1 c5 b13 0=5 1=0.1
InstanceNorm last 1 1 b10 b14 0=3
"""
NCNN_NORMS = {"bn1": ("b1", "b2"), "bn2": ("b4", "b5"), "bn3": ("c5", "b13")}


def write_ncnn(folder):
    """The text and the bytes as ncnn's documents have them; that ncnn reads them so, its answers
    show."""
    generator = numpy.random.default_rng(5)

    def floats(count, kind=numpy.float32):
        data = generator.uniform(-1, 1, count).astype(kind).tobytes()
        return data + b"\0" * (-len(data) % 4)

    params = {name: make_params(generator, 5 if name == "bn3" else 3) for name in NCNN_NORMS}
    params["bn2"][3][0] = 0  # with epsilon 0

    def norm(name):
        scale, bias, mean, var = params[name]
        return numpy.concatenate([scale, mean, var, bias]).tobytes()

    half, single = (0x01306B47).to_bytes(4, "little"), b"\0" * 4
    content = [single, floats(54), floats(3), norm("bn1"), floats(3), half,
               floats(27, numpy.float16), norm("bn2"), floats(6), floats(6), single, floats(15),
               floats(5), floats(5), floats(10), single, floats(25), floats(5), single, floats(25),
               floats(5), single, floats(5), floats(5), norm("bn3"), floats(6)]
    lines = NCNN_LAYERS.count("\n")
    (folder / "net.param").write_text(f"7767517\n{lines} 20\n{NCNN_LAYERS}")
    (folder / "net.bin").write_bytes(b"".join(content))
    return params


def ask_ncnn(folder):
    import ncnn
    params = write_ncnn(folder)
    net = ncnn.Net()
    net.opt.use_fp16_storage = net.opt.use_fp16_packed = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = net.opt.lightmode = False
    if net.load_param(str(folder / "net.param")) or net.load_model(str(folder / "net.bin")):
        raise ValueError("ncnn does not load its file")
    norms = []
    for name, (source, target) in NCNN_NORMS.items():
        extractor = net.create_extractor()
        extractor.input(source, ncnn.Mat(make_input(len(params[name][0]))).clone())
        status, y = extractor.extract(target)
        if status:
            raise ValueError(f"ncnn: {name}: {status}")
        norms.append(Norm(numpy.array(y), params[name]))
    return folder / "net.param", norms, "ncnn " + ncnn.__version__


# ---- darknet

DARKNET_CFG = """\
[net]
batch=1
height = 12
width=16
channels=3

# a comment
[convolutional]
batch_normalize=1
filters=8
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=6
groups=2
size=3
stride=2
pad=1
activation=linear

[batchnorm]

[convolutional]
batch_normalize=1
filters=6
size=1
activation=linear

[shortcut]
from=-3
activation=linear

[upsample]
stride=2

[route]
layers=-1,1

[reorg]
stride=2

[convolutional]
batch_normalize=1
filters=4
size=1
activation=leaky

[dropout]
probability=.5

[connected]
batch_normalize=1
output=5
activation=linear

[softmax]
"""


def load_darknet(folder):
    """The library of bench/peers/facts, and ours."""
    import libraries.darknet as peer
    facts = peer.load()
    library = folder / "check_darknet.so"
    subprocess.run(["gcc", "-O1", "-fPIC", "-shared", "-o", library, HERE / "darknet.c", "-I",
                    peer.LIBRARY / "include", "-L", peer.LIBRARY, "-ldarknet",
                    "-Wl,--disable-new-dtags,--allow-shlib-undefined,-rpath," + str(peer.LIBRARY)],
                   check=True)
    check = ctypes.CDLL(library)
    check.check_load.restype = ctypes.c_void_p
    return facts, check


def ask_darknet(folder, cfg=DARKNET_CFG):
    from native import SOURCES, pointer
    facts, check = load_darknet(folder)
    (folder / "net.cfg").write_text(cfg)
    files = [str(folder / name).encode() for name in ("net.cfg", "net.weights")]
    check.check_save(*files)
    net = ctypes.c_void_p(check.check_load(*files))
    norms, layer = [], 0
    while (channels := check.check_channels(net, layer)) >= 0:
        if channels:
            params = [numpy.zeros(channels, numpy.float32) for _ in range(4)]
            check.check_take(net, layer, *map(pointer, params))
            y, copies = numpy.zeros((channels, PIXELS), numpy.float32), [p.copy() for p in params]
            facts.facts_run((ctypes.c_int * 4)(1, channels, 2, 2), 0,
                            pointer(make_input(channels)), *map(pointer, copies), pointer(y))
            norms.append(Norm(y, params))
        layer += 1
    return folder / "net.cfg", norms, "darknet " + (SOURCES / "version").read_text().strip()


def ask_darknet_cfg(folder, path):
    """A network of darknet's package, for one image."""
    cfg = pathlib.Path(path).read_text()
    path, norms, _ = ask_darknet(folder, re.sub(r"(?m)^(batch|subdivisions) *=.*", r"\1=1", cfg))
    return path, norms, "its parameters"


# ---- ONNX

def write_onnx(path):
    from onnx import TensorProto, helper, numpy_helper, save
    generator = numpy.random.default_rng(7)
    params = [make_params(generator, 3), make_params(generator, 4)]
    params[1] = [p.astype(numpy.float16).astype(numpy.float32) for p in params[1]]
    weights = generator.uniform(-1, 1, (4, 3, 1, 1)).astype(numpy.float32)
    stored = [numpy_helper.from_array(p, "first" + str(i)) for i, p in enumerate(params[0])]
    stored += [numpy_helper.from_array(p, "second" + str(i)) for i, p in enumerate(params[1][:2])]
    stored.append(numpy_helper.from_array(weights, "w"))
    nodes = [
        helper.make_node("BatchNormalization", ["x"] + ["first%d" % i for i in range(4)], ["a"],
                         name="first one", epsilon=0.01),
        helper.make_node("Conv", ["a", "w"], ["b"]),
        helper.make_node("Constant", [], ["mean"],
                         value=numpy_helper.from_array(params[1][2], "mean")),
        helper.make_node("Constant", [], ["var"],
                         value=numpy_helper.from_array(params[1][3], "var")),
        helper.make_node("Identity", ["second0"], ["same"]),
        helper.make_node("BatchNormalization", ["b", "same", "second1", "mean", "var"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 2, 2])
              for name, channels in (("x", 3), ("y", 4), ("a", 3), ("b", 4))]
    graph = helper.make_graph(nodes, "two", values[:1], values[1:2], stored, value_info=values[2:])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    return params


def ask_onnx(folder):
    import onnx
    import onnxruntime
    params = write_onnx(folder / "net.onnx")
    subprocess.run([sys.executable, HERE.parent / "onnx_params.py", folder / "net.onnx",
                    folder / "net.bn"], check=True)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    norms = []
    for param, (source, target) in zip(params, (("x", "a"), ("b", "y"))):
        part = folder / (target + ".onnx")
        onnx.utils.extract_model(folder / "net.onnx", part, [source], [target])
        session = onnxruntime.InferenceSession(part, options, providers=["CPUExecutionProvider"])
        x = make_input(len(param[0]))[numpy.newaxis]
        norms.append(Norm(session.run(None, {source: x})[0], param))
    return (folder / "net.bn", norms,
            f"ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}")


# ---- comparison

def read_values(path, norms):
    values = [numpy.full_like(norm.y, numpy.nan) for norm in norms]
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values[int(row["layer"])][int(row["channel"])][int(row["pixel"])] = float(row["y"])
    return values


def compare(norm, values):
    """The largest difference, in units in the last place of the largest term of a value."""
    factor = numpy.abs(norm.y.astype(float)[:, 1] - norm.y[:, 0])
    x = make_input(len(norm.y)).reshape(norm.y.shape).astype(float)
    factor /= numpy.abs(x[:, 1] - x[:, 0])
    mean = numpy.abs(norm.params[2])[:, numpy.newaxis]
    terms = factor[:, numpy.newaxis] * (numpy.abs(x) + mean)
    terms += numpy.abs(norm.params[1])[:, numpy.newaxis]
    return float((numpy.abs(norm.y - values.astype(float)) / (terms * 2.0 ** -23)).max())


def main():
    name, infer, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    asks = {"ncnn": ask_ncnn, "darknet": ask_darknet, "onnx": ask_onnx, "cfg": ask_darknet_cfg}
    path, norms, version = asks[name](folder, *sys.argv[4:])
    subprocess.run([infer, "--import", path, "--device", "cpu", "--csv", folder / "y.csv"],
                   check=True)
    errors = [compare(norm, y) for norm, y in zip(norms, read_values(folder / "y.csv", norms))]
    print(f"{version}: {len(norms)} layers, differences up to {max(errors, default=0):.2f} units "
          "in the last place")
    if not max(errors, default=0) < 4:
        sys.exit(f"{name}: expected less than 4 units in each layer")


if __name__ == "__main__":
    main()
