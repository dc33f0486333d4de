"""TensorFlow's fused batch normalization, eager and compiled by XLA; tf_keras."""

import tensorflow as tf

from cases import Library, Trained, from_layout, to_layout


class TensorFlow(Library):
    name, package = "tensorflow", "tensorflow"
    layouts = ("nhwc", "nchw")

    def call(self, function):
        return function()

    def run(self, case, training):
        more = {} if case.epsilon is None else {"epsilon": case.epsilon}
        if case.momentum is not None:
            more["exponential_avg_factor"] = case.momentum
        x = tf.cast(to_layout(case.x, case.layout), case.dtype)
        scale, bias, mean, var = (tf.cast(values, case.param_dtype) for values in
                                  (case.scale, case.bias, case.mean, case.var))
        return self.call(lambda: tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=bias, mean=mean, variance=var, is_training=training,
            data_format=case.layout.upper(), **more))

    def train(self, case):
        done = self.run(case, True)
        saved = None
        if case.dtype == "float32" and not self.name.endswith("xla"):
            saved = [done.reserve_space_1.numpy(), done.reserve_space_2.numpy()]
        return Trained(from_layout(tf.cast(done.y, tf.float64).numpy(), case.layout),
                       done.batch_mean.numpy(), done.batch_variance.numpy(), saved)

    def infer(self, case):
        return from_layout(self.run(case, False).y.numpy(), case.layout)

    def backward(self, case):
        x = tf.constant(to_layout(case.x, case.layout))
        scale, bias = tf.constant(case.scale), tf.constant(case.bias)

        def compute():
            with tf.GradientTape() as tape:
                tape.watch([x, scale, bias])
                y = tf.raw_ops.FusedBatchNormV3(
                    x=x, scale=scale, offset=bias, mean=case.mean, variance=case.var,
                    epsilon=case.epsilon, data_format=case.layout.upper()).y
            return tape.gradient(y, [x, scale, bias], to_layout(case.dy, case.layout))

        dx, dscale, dbias = self.call(compute)
        return from_layout(dx.numpy(), case.layout), dscale.numpy(), dbias.numpy()


class TensorFlowXla(TensorFlow):
    name = "tensorflow-xla"

    def call(self, function):
        return tf.function(function, jit_compile=True, autograph=False)()


class TfKeras(Library):
    name, package = "tf-keras", "tf_keras"
    layouts = ("nhwc", "nchw")

    def make(self, case):
        import tf_keras
        given = {"momentum": case.momentum, "epsilon": case.epsilon}
        policy = case.dtype if case.dtype == case.param_dtype else "mixed_" + case.dtype
        layer = tf_keras.layers.BatchNormalization(
            axis=-1 if case.layout == "nhwc" else 1, dtype=tf_keras.mixed_precision.Policy(policy),
            **{name: value for name, value in given.items() if value is not None})
        x = tf.cast(to_layout(case.x, case.layout), case.dtype)
        layer.build(x.shape)
        layer.set_weights([case.scale, case.bias, case.mean, case.var])
        return layer, x

    def to_numpy(self, case, y):
        return from_layout(tf.cast(y, tf.float64).numpy(), case.layout)

    def train(self, case):
        layer, x = self.make(case)
        y = layer(x, training=True)
        return Trained(self.to_numpy(case, y), tf.cast(layer.moving_mean, tf.float32).numpy(),
                       tf.cast(layer.moving_variance, tf.float32).numpy())

    def infer(self, case):
        layer, x = self.make(case)
        return self.to_numpy(case, layer(x, training=False))

    def backward(self, case):
        layer, x = self.make(case)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        dx = tape.gradient(y, x, to_layout(case.dy, case.layout))
        return from_layout(dx.numpy(), case.layout), None, None


LIBRARIES = [TensorFlow(), TensorFlowXla(), TfKeras()]
