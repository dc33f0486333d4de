"""TVM, by Relax's batch_norm, compiled for the CPU by LLVM."""

import tvm
from tvm import relax

from cases import Library, Missing, Trained, from_layout, to_layout


class Tvm(Library):
    name, package = "tvm", "apache-tvm"
    layouts = ("nchw", "nhwc")
    types = ("float32", "float64", "float16")

    def run(self, case, training):
        given = {"momentum": case.momentum, "epsilon": case.epsilon}
        more = {name: value for name, value in given.items() if value is not None}
        x = to_layout(case.x, case.layout).astype(case.dtype)
        params = [values.astype(case.param_dtype) for values in
                  (case.scale, case.bias, case.mean, case.var)]
        builder = relax.BlockBuilder()
        inputs = [relax.Var(name, relax.TensorType(array.shape, str(array.dtype)))
                  for name, array in zip(("x", "scale", "bias", "mean", "var"), [x] + params)]
        with builder.function("main", inputs):
            with builder.dataflow():
                out = builder.emit_output(relax.op.nn.batch_norm(
                    *inputs, axis=3 if case.layout == "nhwc" else 1, training=training, **more))
            builder.emit_func_output(out)
        module = builder.get()
        decompose = (relax.transform.DecomposeOpsForTraining if training
                     else relax.transform.DecomposeOpsForInference)
        module = relax.transform.LegalizeOps()(decompose()(module))
        machine = relax.VirtualMachine(tvm.compile(module, target="llvm"), tvm.cpu())
        done = machine["main"](*[tvm.runtime.tensor(array) for array in [x] + params])
        return [done[i].numpy() for i in range(3)]

    def train(self, case):
        y, mean, var = self.run(case, True)
        return Trained(from_layout(y, case.layout), mean, var)

    def infer(self, case):
        return from_layout(self.run(case, False)[0], case.layout)

    def backward(self, case):
        raise Missing("not run")


LIBRARIES = [Tvm()]
