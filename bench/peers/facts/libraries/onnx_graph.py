"""A graph of one BatchNormalization, which several libraries run."""

import numpy
from onnx import TensorProto, helper, numpy_helper

TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE,
         "float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}
INPUTS = ("x", "scale", "bias", "mean", "var")
OUTPUTS = ("y", "running_mean", "running_var")


def make_model(case, training, constant=False):
    """constant: the per-channel arrays stand in the graph."""
    attributes = {"epsilon": case.epsilon, "momentum": case.momentum}
    attributes = {name: value for name, value in attributes.items() if value is not None}
    outputs = OUTPUTS if training else OUTPUTS[:1]
    node = helper.make_node("BatchNormalization", INPUTS, outputs, training_mode=int(training),
                            **attributes)
    kinds = [case.dtype] + [case.param_dtype] * 4
    shapes = [list(case.x.shape)] + [[len(case.scale)]] * 4
    values = [helper.make_tensor_value_info(name, TYPES[kind], shape)
              for name, kind, shape in zip(INPUTS, kinds, shapes)]
    results = [helper.make_tensor_value_info(name, TYPES[kinds[i]], shapes[i])
               for name, i in zip(outputs, (0, 1, 1))]
    stored = []
    if constant:
        values = values[:1]
        stored = [numpy_helper.from_array(getattr(case, name), name) for name in INPUTS[1:]]
    graph = helper.make_graph([node], "one", values, results, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def make_inputs(case):
    def convert(values, kind):
        if kind == "bfloat16":
            import ml_dtypes
            return values.astype(ml_dtypes.bfloat16)
        return values.astype(kind)

    params = [convert(getattr(case, name), case.param_dtype) for name in INPUTS[1:]]
    return dict(zip(INPUTS, [convert(numpy.ascontiguousarray(case.x), case.dtype)] + params))
