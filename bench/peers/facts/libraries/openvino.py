"""OpenVINO's CPU plugin, which has inference only."""

import numpy
import openvino
from openvino import opset15 as opset

from cases import Library

NAMES = {"float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16"}


class OpenVino(Library):
    name, package = "openvino", "openvino"
    has_default_epsilon = False

    def infer(self, case):
        x = opset.parameter(list(case.x.shape), getattr(openvino.Type, NAMES[case.dtype]), name="x")
        kind = getattr(openvino.Type, NAMES[case.param_dtype])
        constants = [opset.constant(values, kind) for values in
                     (case.scale, case.bias, case.mean, case.var)]
        y = opset.batch_norm_inference(x, *constants, case.epsilon)
        model = openvino.compile_model(openvino.Model([y], [x]), "CPU")
        return numpy.array(model([case.x.astype(case.dtype)])[0])


LIBRARIES = [OpenVino()]
