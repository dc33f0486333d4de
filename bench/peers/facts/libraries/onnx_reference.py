"""ONNX's reference evaluator."""

import numpy
from libraries.onnx_graph import make_inputs, make_model
from onnx.reference import ReferenceEvaluator

from cases import Library, Trained


class OnnxReference(Library):
    name, package = "onnx-reference", "onnx"

    def run(self, case, training):
        outputs = ReferenceEvaluator(make_model(case, training)).run(None, make_inputs(case))
        return [numpy.asarray(array, numpy.float64) for array in outputs]

    def train(self, case):
        return Trained(*self.run(case, True))

    def infer(self, case):
        return self.run(case, False)[0]


LIBRARIES = [OnnxReference()]
