"""ONNX Runtime on the CPU."""

import onnxruntime
from libraries.onnx_graph import make_inputs, make_model

from cases import Library, Trained


class OnnxRuntime(Library):
    name, package = "onnxruntime", "onnxruntime"

    def run(self, case, training):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(make_model(case, training).SerializeToString(),
                                               options, providers=["CPUExecutionProvider"])
        return session.run(None, make_inputs(case))

    def train(self, case):
        return Trained(*self.run(case, True))

    def infer(self, case):
        return self.run(case, False)[0]


LIBRARIES = [OnnxRuntime()]
