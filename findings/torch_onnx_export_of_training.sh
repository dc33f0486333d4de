#!/usr/bin/env bash
# PyTorch 2.15.0 with onnx 1.23.2 and onnxscript 0.7.2 (PyPI), CPU.
#
# torch.onnx.export of a model in training mode, with training=TrainingMode.TRAINING or PRESERVE,
# writes a graph of two minds: Dropout trains (its input training_mode is true), and
# BatchNormalization does not (its attribute training_mode is missing, and its default is 0), so it
# normalizes by the running statistics. There is no error. The exporter of before (dynamo=False),
# with the same arguments, writes both for training.
#
# Seen:
#   default exporter, PRESERVE: Dropout trains True, BatchNormalization trains False
#   default exporter, TRAINING: Dropout trains True, BatchNormalization trains False
#   dynamo=False, TRAINING: Dropout trains True, BatchNormalization trains True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
  'torch==2.15.0' 'onnx==1.23.2' 'onnxscript==0.7.2' 'numpy==2.4.6'
cat >"$folder/ask.py" <<'PYTHON'
import sys

import onnx
import torch
from onnx import numpy_helper


def report(what, mode, **more):
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.Dropout(0.5)).train()
    torch.onnx.export(model, (torch.randn(4, 2, 3, 3),), sys.argv[1],
                      training=getattr(torch.onnx.TrainingMode, mode), verbose=False, **more)
    graph = onnx.load(sys.argv[1]).graph
    nodes = {node.op_type: node for node in graph.node}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants.update((node.output[0], numpy_helper.to_array(node.attribute[0].t))
                     for node in graph.node if node.op_type == "Constant")
    dropout = nodes["Dropout"].input
    norm = {a.name: a.i for a in nodes["BatchNormalization"].attribute}
    print("%s, %s: Dropout trains %s, BatchNormalization trains %s"
          % (what, mode, len(dropout) > 2 and bool(constants[dropout[2]]),
             bool(norm.get("training_mode", 0))))


report("default exporter", "PRESERVE")
report("default exporter", "TRAINING")
report("dynamo=False", "TRAINING", dynamo=False)
PYTHON
"$folder/env/bin/python" "$folder/ask.py" "$folder/model.onnx" 2>"$folder/log" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
default exporter, PRESERVE: Dropout trains True, BatchNormalization trains False
default exporter, TRAINING: Dropout trains True, BatchNormalization trains False
dynamo=False, TRAINING: Dropout trains True, BatchNormalization trains True
EXPECTED
echo "as described"
