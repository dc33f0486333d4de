"""MXNet, by the operator BatchNorm. It updates the running statistics in backward."""

from mxnet import autograd, nd

from cases import Library, Trained, from_layout, to_layout


class MxNet(Library):
    name, package = "mxnet", "mxnet"
    layouts = ("nchw", "nhwc")
    types = ("float32", "float64", "float16")

    def make(self, case):
        given = {"momentum": case.momentum, "eps": case.epsilon}
        more = {name: value for name, value in given.items() if value is not None}
        arrays = [nd.array(values, dtype=case.param_dtype) for values in
                  (case.scale, case.bias, case.mean, case.var)]
        x = nd.array(to_layout(case.x, case.layout), dtype=case.dtype)
        more["axis"] = 3 if case.layout == "nhwc" else 1
        return x, arrays, {"fix_gamma": False, **more}

    def step(self, case):
        x, arrays, more = self.make(case)
        for array in [x] + arrays[:2]:
            array.attach_grad()
        with autograd.record():
            y = nd.BatchNorm(x, *arrays, **more)
        dy = case.x if case.dy is None else case.dy
        y.backward(nd.array(to_layout(dy, case.layout), dtype=case.dtype))
        return x, y, arrays

    def train(self, case):
        _, y, arrays = self.step(case)
        return Trained(from_layout(y.asnumpy(), case.layout), arrays[2].asnumpy(),
                       arrays[3].asnumpy())

    def infer(self, case):
        x, arrays, more = self.make(case)
        return from_layout(nd.BatchNorm(x, *arrays, **more).asnumpy(), case.layout)

    def backward(self, case):
        x, _, arrays = self.step(case)
        return from_layout(x.grad.asnumpy(), case.layout), arrays[0].grad, arrays[1].grad


LIBRARIES = [MxNet()]
