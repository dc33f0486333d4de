"""Keras 3 on the backend that KERAS_BACKEND names, which ask.py sets by the library's name."""

import keras
import numpy
from keras import ops

from cases import Library, Trained, from_layout, to_layout


class Keras(Library):
    package = "keras"
    layouts = ("nhwc", "nchw")
    name = "keras-" + keras.backend.backend()

    def make(self, case):
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
        return layer, x

    def to_numpy(self, case, y):
        return from_layout(ops.convert_to_numpy(ops.cast(y, "float64" if case.dtype == "float64"
                                                         else "float32")), case.layout)

    def train(self, case):
        layer, x = self.make(case)
        y = layer(x, training=True)
        return Trained(self.to_numpy(case, y), numpy.array(ops.convert_to_numpy(
            ops.cast(layer.moving_mean, "float32"))), numpy.array(ops.convert_to_numpy(
                ops.cast(layer.moving_variance, "float32"))))

    def infer(self, case):
        layer, x = self.make(case)
        return self.to_numpy(case, layer(x, training=False))

    def backward(self, case):
        layer, x = self.make(case)
        dy = ops.convert_to_tensor(to_layout(case.dy, case.layout))
        return self.to_numpy(case, GRADIENTS[keras.backend.backend()](layer, x, dy)), None, None


def torch_gradient(layer, x, dy):
    x.requires_grad_()
    layer(x, training=True).backward(dy)
    return x.grad


def jax_gradient(layer, x, dy):
    import jax

    def call(x):
        return layer.stateless_call([v.value for v in layer.trainable_variables],
                                    [v.value for v in layer.non_trainable_variables], x,
                                    training=True)[0]

    return jax.vjp(call, x)[1](dy)[0]


def tensorflow_gradient(layer, x, dy):
    import tensorflow as tf
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
    return tape.gradient(y, x, dy)


GRADIENTS = {"torch": torch_gradient, "jax": jax_gradient, "tensorflow": tensorflow_gradient}


LIBRARIES = [Keras()]
