#!/usr/bin/env bash
# TVM 0.27.0.post1 (PyPI apache-tvm), CPU.
#
# relax.op.nn.batch_norm does the opposite of its documentation with momentum. The documentation
# says
#     moving_mean = moving_mean * momentum + data_mean * (1 - momentum)
# The generated code computes
#     moving_mean = moving_mean * (1 - momentum) + data_mean * momentum
# and the same for the variance. With momentum 0.9, as the documentation would have it, the running
# statistics follow the last batch.
#
# Seen, for data of mean 10, a moving mean of 0, and momentum 0.9:
#   documented 1.0, computed 9.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
  'apache-tvm==0.27.0.post1' 'numpy==2.4.6'
cat >"$folder/ask.py" <<'PYTHON'
import numpy
import tvm
from tvm import relax

documentation = relax.op.nn.batch_norm.__doc__
assert "moving_mean = moving_mean * momentum + data_mean * (1 - momentum)" in documentation
x = numpy.array([9, 11], numpy.float32).reshape(2, 1, 1, 1)
arrays = [x] + [numpy.full(1, value, numpy.float32) for value in (1, 0, 0, 1)]
inputs = [relax.Var("v%d" % i, relax.TensorType(array.shape, "float32"))
          for i, array in enumerate(arrays)]
builder = relax.BlockBuilder()
with builder.function("main", inputs):
    with builder.dataflow():
        out = builder.emit_output(relax.op.nn.batch_norm(*inputs, axis=1, momentum=0.9))
    builder.emit_func_output(out)
module = relax.transform.LegalizeOps()(relax.transform.DecomposeOpsForTraining()(builder.get()))
machine = relax.VirtualMachine(tvm.compile(module, target="llvm"), tvm.cpu())
done = machine["main"](*[tvm.runtime.tensor(array) for array in arrays])
print("documented %.1f, computed %.1f" % (0 * 0.9 + 10 * (1 - 0.9), done[1].numpy()[0]))
PYTHON
"$folder/env/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
documented 1.0, computed 9.0
EXPECTED
echo "as described"
