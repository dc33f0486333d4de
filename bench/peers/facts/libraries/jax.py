"""Libraries on JAX: Flax (nnx), also with the slow variance, Haiku, Equinox (both modes)."""

import jax
import jax.numpy as jnp
import numpy

from cases import Library, Trained, from_layout, to_layout

jax.config.update("jax_enable_x64", True)


def tensor(case, values):
    return jnp.asarray(to_layout(values, case.layout), case.dtype)


def params(case, values):
    return jnp.asarray(values, case.param_dtype)


def arguments(case, momentum="momentum", epsilon="epsilon"):
    given = {momentum: case.momentum, epsilon: case.epsilon}
    return {name: value for name, value in given.items() if value is not None}


class OnJax(Library):
    """apply(case, x, scale, bias, training): y, and the mean and variance kept."""

    def run(self, case, training):
        y, mean, var = self.apply(case, tensor(case, case.x), params(case, case.scale),
                                  params(case, case.bias), training)
        return Trained(from_layout(numpy.asarray(y, numpy.float64), case.layout),
                       numpy.asarray(mean), numpy.asarray(var))

    def train(self, case):
        return self.run(case, True)

    def infer(self, case):
        return self.run(case, False).y

    def backward(self, case):
        def loss(x, scale, bias):
            y = self.apply(case, x, scale, bias, True)[0]
            return jnp.vdot(y, tensor(case, case.dy).astype(y.dtype))

        dx, dscale, dbias = jax.grad(loss, (0, 1, 2))(
            tensor(case, case.x), params(case, case.scale), params(case, case.bias))
        return from_layout(numpy.asarray(dx), case.layout), dscale, dbias


class Flax(OnJax):
    name, package = "flax", "flax"
    layouts = ("nhwc", "nchw")
    more = {}

    def apply(self, case, x, scale, bias, training):
        from flax import nnx
        layer = nnx.BatchNorm(len(case.scale), axis=-1 if case.layout == "nhwc" else 1,
                              param_dtype=case.param_dtype, rngs=nnx.Rngs(0),
                              use_running_average=not training, **self.more, **arguments(case))
        layer.scale[...], layer.bias[...] = scale, bias
        layer.mean[...], layer.var[...] = params(case, case.mean), params(case, case.var)
        y = layer(x)
        return y, layer.mean[...], layer.var[...]


class FlaxSlow(Flax):
    name, more = "flax-slow-variance", {"use_fast_variance": False}


class Haiku(OnJax):
    name, package = "haiku", "dm-haiku"
    layouts = ("nhwc", "nchw")
    has_default_momentum = has_default_epsilon = False
    usual_momentum = 0.9

    def apply(self, case, x, scale, bias, training):
        import haiku
        if case.momentum is None:  # inference does not use it
            case.momentum = 0.9

        def call(x):
            layer = haiku.BatchNorm(
                True, True, data_format="NHWC" if case.layout == "nhwc" else "NCHW",
                **arguments(case, "decay_rate", "eps"))
            return layer(x, is_training=training or haiku.running_init())

        transformed = haiku.transform_with_state(call)
        names, state = jax.eval_shape(transformed.init, jax.random.PRNGKey(0), x)
        shape = next(iter(next(iter(names.values())).values())).shape
        weights = {module: {"scale": scale.reshape(shape), "offset": bias.reshape(shape)}
                   for module in names}
        first = {module: {name: jnp.zeros(old.shape, old.dtype) for name, old in entries.items()}
                 for module, entries in state.items()}
        for module, entries in first.items():
            values = case.var if "var" in module else case.mean
            # The first step of training begins with sums of 0.
            kept = ("hidden", "average") if numpy.isnan(values).any() else ("average",)
            for name in kept:
                entries[name] = jnp.asarray(values.reshape(shape), entries[name].dtype)
        y, state = transformed.apply(weights, first, None, x)
        means = {("var" if "var" in module else "mean"): entries["average"].ravel()
                 for module, entries in state.items()}
        return y, means["mean"], means["var"]


class Equinox(OnJax):
    package = "equinox"

    def apply(self, case, x, scale, bias, training):
        import equinox
        layer, state = equinox.nn.make_with_state(equinox.nn.BatchNorm)(
            len(case.scale), axis_name="batch", mode=self.mode, dtype=case.param_dtype,
            inference=not training, **arguments(case, "momentum", "eps"))
        layer = equinox.tree_at(lambda l: (l.weight, l.bias), layer, (scale, bias))
        mean, var = params(case, case.mean), params(case, case.var)
        if self.mode == "batch":
            state = state.set(layer.batch_state_index, (mean, var))
        elif not training:
            state = state.set(layer.ema_state_index, (mean, var))
            state = state.set(layer.ema_first_time_index, jnp.array(False))
        y, state = jax.vmap(layer, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x,
                                                                                         state)
        kept = state.get(layer.batch_state_index if self.mode == "batch"
                         else layer.ema_state_index)
        return (y, *kept)


class EquinoxBatch(Equinox):
    name, mode = "equinox-batch", "batch"


class EquinoxEma(Equinox):
    name, mode = "equinox-ema", "ema"


LIBRARIES = [Flax(), FlaxSlow(), Haiku(), EquinoxBatch(), EquinoxEma()]
