#!/usr/bin/env bash
# OpenVINO 2026.4.1 (PyPI), CPU plugin, x86-64.
#
# CPU_DENORMALS_OPTIMIZATION is a property of one compiled model. An inference of that model
# switches the flushing of subnormal numbers on in the thread that calls it, and leaves it on: the
# caller's own arithmetic, here numpy's, in float and in double, makes zeros of subnormal numbers
# from then on, and so do other OpenVINO models compiled without the property. An inference of a
# model with the property set to False switches it off again.
#
# Seen, of 64 subnormal numbers times 1.0 those that are not 0:
#   before: float 64, double 64
#   after a model without the property: float 64, double 64
#   after a model with it: float 0, double 0
#   after a model without the property: float 0, double 0
#   after a model with it set to False: float 64, double 64
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
  'openvino==2026.4.1' 'numpy==2.4.6'
cat >"$folder/ask.py" <<'PYTHON'
import numpy
import openvino
from openvino import opset15 as opset


def infer(properties):
    x = opset.parameter([2, 3], openvino.Type.f32)
    model = openvino.Model([opset.relu(x)], [x])
    openvino.compile_model(model, "CPU", properties)([numpy.ones((2, 3), numpy.float32)])


def report(when):
    floats = numpy.full(64, 1e-39, numpy.float32) * numpy.float32(1)
    doubles = numpy.full(64, 1e-310) * 1.0
    # Bits are counted: a comparison with 0 would flush, too.
    print("%s: float %d, double %d" % (when, (floats.view(numpy.uint32) != 0).sum(),
                                       (doubles.view(numpy.uint64) != 0).sum()))


report("before")
infer({})
report("after a model without the property")
infer({"CPU_DENORMALS_OPTIMIZATION": True})
report("after a model with it")
infer({})
report("after a model without the property")
infer({"CPU_DENORMALS_OPTIMIZATION": False})
report("after a model with it set to False")
PYTHON
"$folder/env/bin/python" "$folder/ask.py" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
before: float 64, double 64
after a model without the property: float 64, double 64
after a model with it: float 0, double 0
after a model without the property: float 0, double 0
after a model with it set to False: float 64, double 64
EXPECTED
echo "as described"
