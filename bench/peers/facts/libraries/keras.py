"""Keras 3 on the backend that KERAS_BACKEND names."""

import keras
import numpy
from keras import ops

from cases import Library, Trained, from_layout, to_layout


class Keras(Library):
    package = "keras"
    layouts = ("nhwc", "nchw")
    name = "keras-" + keras.backend.backend()

    def run(self, case, training):
        given = {"momentum": case.momentum, "epsilon": case.epsilon}
        layer = keras.layers.BatchNormalization(
            axis=-1 if case.layout == "nhwc" else 1,
            dtype=keras.DTypePolicy("mixed_" + case.dtype if case.param_dtype != case.dtype
                                    else case.dtype),
            **{name: value for name, value in given.items() if value is not None})
        x = ops.convert_to_tensor(to_layout(case.x, case.layout), dtype=case.dtype)
        layer.build(x.shape)
        for variable, values in ((layer.gamma, case.scale), (layer.beta, case.bias),
                                 (layer.moving_mean, case.mean),
                                 (layer.moving_variance, case.var)):
            variable.assign(values)
        return layer, layer(x, training=training)

    def to_numpy(self, case, y):
        return from_layout(ops.convert_to_numpy(ops.cast(y, "float64" if case.dtype == "float64"
                                                         else "float32")), case.layout)

    def train(self, case):
        layer, y = self.run(case, True)
        return Trained(self.to_numpy(case, y), numpy.array(ops.convert_to_numpy(
            ops.cast(layer.moving_mean, "float32"))), numpy.array(ops.convert_to_numpy(
                ops.cast(layer.moving_variance, "float32"))))

    def infer(self, case):
        return self.to_numpy(case, self.run(case, False)[1])


LIBRARIES = [Keras()]
