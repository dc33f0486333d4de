#!/usr/bin/env bash
# OpenCV 5.0.0.93 (PyPI opencv-python-headless), CPU.
#
# cv2.dnn.readNetFromONNX has an argument that chooses between the classic and the new engine. It
# works for a file. For the same bytes in memory it is accepted and ignored: the new engine runs
# whatever was asked for. (The two engines name their layers differently, which shows which one was
# taken; a program that asks for the classic one, because its backend or its results are needed,
# gets the other without an error.)
#
# Seen, ENGINE_CLASSIC:
#   file   ('onnx_node_output_0!y', 'y')
#   buffer ('onnx_node!0',)
# and ENGINE_NEW:
#   file   ('onnx_node!0',)
#   buffer ('onnx_node!0',)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
  'opencv-python-headless==5.0.0.93' 'onnx==1.23.2' 'numpy==2.4.6'
cat >"$folder/ask.py" <<'PYTHON'
import sys

import cv2
import numpy
from onnx import TensorProto, helper

node = helper.make_node("Relu", ["x"], ["y"])
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3, 3]) for name in "xy"]
graph = helper.make_graph([node], "one", values[:1], values[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
with open(sys.argv[1], "wb") as file:
    file.write(model.SerializeToString())
buffer = numpy.frombuffer(model.SerializeToString(), numpy.uint8)
for engine in ("ENGINE_CLASSIC", "ENGINE_NEW"):
    for kind, source in (("file  ", sys.argv[1]), ("buffer", buffer)):
        net = cv2.dnn.readNetFromONNX(source, engine=getattr(cv2.dnn, engine))
        net.setInput(numpy.ones((1, 2, 3, 3), numpy.float32))
        net.forward()
        print(engine, kind, net.getLayerNames())
PYTHON
"$folder/env/bin/python" "$folder/ask.py" "$folder/model.onnx" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
ENGINE_CLASSIC file   ('onnx_node_output_0!y', 'y')
ENGINE_CLASSIC buffer ('onnx_node!0',)
ENGINE_NEW file   ('onnx_node!0',)
ENGINE_NEW buffer ('onnx_node!0',)
EXPECTED
echo "as described"
