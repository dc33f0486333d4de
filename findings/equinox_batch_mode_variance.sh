#!/usr/bin/env bash
# Equinox 0.13.8 on JAX 0.10.2 (PyPI), CPU.
#
# After training in mode "batch", equinox.nn.BatchNorm normalizes with a variance that is too large
# in inference. It keeps weighted sums and divides them by 1 - momentum^steps, which is right for
# sums that begin with 0. That of the mean does; that of the variance begins with 1. With the
# default momentum of 0.99 the variance is too large by 99 after one step, by 9.5 after 10, by 0.58
# after 100. Training is not affected, so a network looks right until it is evaluated. Mode "ema" is
# right from the first step on.
#
# Seen, for the batches (-1, 1), whose y is 1 for x = 1:
#   batch, steps 1: training 1.000, inference 0.100
#   batch, steps 10: training 1.000, inference 0.309
#   batch, steps 100: training 1.000, inference 0.796
#   ema, steps 1: training 1.000, inference 1.000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
  'equinox==0.13.8' 'jax==0.10.2' 'jaxlib==0.10.2'
cat >"$folder/ask.py" <<'PYTHON'
import equinox
import jax
import jax.numpy as jnp

x = jnp.array([[-1.0], [1.0]])


def run(layer, state):
    return jax.vmap(layer, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)


for mode, counts in (("batch", (1, 10, 100)), ("ema", (1,))):
    layer, state = equinox.nn.make_with_state(equinox.nn.BatchNorm)(1, axis_name="batch", mode=mode)
    for count in range(1, max(counts) + 1):
        trained, state = run(layer, state)
        if count in counts:
            inferred, _ = run(equinox.nn.inference_mode(layer), state)
            print("%s, steps %d: training %.3f, inference %.3f"
                  % (mode, count, trained[1, 0], inferred[1, 0]))
PYTHON
JAX_PLATFORMS=cpu "$folder/env/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
batch, steps 1: training 1.000, inference 0.100
batch, steps 10: training 1.000, inference 0.309
batch, steps 100: training 1.000, inference 0.796
ema, steps 1: training 1.000, inference 1.000
EXPECTED
echo "as described"
