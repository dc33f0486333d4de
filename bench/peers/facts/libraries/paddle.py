"""PaddlePaddle, by paddle.nn.BatchNorm2D."""

import paddle

from cases import Library, Trained, from_layout, to_layout


class Paddle(Library):
    name, package = "paddle", "paddlepaddle"
    layouts = ("nchw", "nhwc")

    def make(self, case):
        given = {"momentum": case.momentum, "epsilon": case.epsilon}
        layer = paddle.nn.BatchNorm2D(
            len(case.scale), data_format=case.layout.upper(),
            **{name: value for name, value in given.items() if value is not None})
        layer.to(dtype=case.param_dtype)
        for tensor, values in ((layer.weight, case.scale), (layer.bias, case.bias),
                               (layer._mean, case.mean), (layer._variance, case.var)):
            tensor.set_value(paddle.to_tensor(values).astype(tensor.dtype))
        x = paddle.to_tensor(to_layout(case.x, case.layout)).astype(case.dtype)
        return layer, x

    def to_numpy(self, case, y):
        return from_layout(y.astype("float64").numpy(), case.layout)

    def saved(self, case, layer, x):
        if case.dtype != "float32" or case.x.size == case.x.shape[1]:
            return None
        outputs = paddle._C_ops.batch_norm(
            x, layer._mean.clone(), layer._variance.clone(), layer.weight, layer.bias, False,
            layer._momentum, layer._epsilon, case.layout.upper(), False, False)
        return [outputs[3].numpy(), outputs[4].numpy()]

    def train(self, case):
        layer, x = self.make(case)
        layer.train()
        saved = self.saved(case, layer, x)
        y = layer(x)
        return Trained(self.to_numpy(case, y), layer._mean.astype("float32").numpy(),
                       layer._variance.astype("float32").numpy(), saved)

    def infer(self, case):
        layer, x = self.make(case)
        layer.eval()
        return self.to_numpy(case, layer(x))

    def backward(self, case):
        layer, x = self.make(case)
        layer.train()
        x.stop_gradient = False
        dy = paddle.to_tensor(to_layout(case.dy, case.layout)).astype(case.dtype)
        dx, = paddle.grad([layer(x)], [x], [dy])
        return self.to_numpy(case, dx), None, None


LIBRARIES = [Paddle()]
