#!/usr/bin/env bash
# PyTorch 2.15.0 with onnx 1.23.2 and onnxscript 0.7.2 (PyPI), CPU.
#
# torch.onnx.export of a model in training mode, with training=TrainingMode.TRAINING or PRESERVE,
# writes the inference graph: BatchNormalization without training_mode, whose default is 0, and
# Dropout without its input training_mode, so that it does nothing. The only message is a warning
# that the model is in training mode, which "may lead to different behavior during inference": the
# opposite of what happened. The exporter of before (dynamo=False), with the same arguments, writes
# the training graph.
#
# Seen:
#   default exporter, PRESERVE: BatchNormalization training_mode 0, Dropout inputs 1
#   default exporter, TRAINING: BatchNormalization training_mode 0, Dropout inputs 1
#   dynamo=False, TRAINING: BatchNormalization training_mode 1, Dropout inputs 3
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


def report(what, mode, **more):
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.Dropout(0.5)).train()
    torch.onnx.export(model, (torch.randn(4, 2, 3, 3),), sys.argv[1],
                      training=getattr(torch.onnx.TrainingMode, mode), verbose=False, **more)
    nodes = {node.op_type: node for node in onnx.load(sys.argv[1]).graph.node}
    training = {a.name: a.i for a in nodes["BatchNormalization"].attribute}.get("training_mode", 0)
    print("%s, %s: BatchNormalization training_mode %d, Dropout inputs %d"
          % (what, mode, training, len(nodes["Dropout"].input)))


report("default exporter", "PRESERVE")
report("default exporter", "TRAINING")
report("dynamo=False", "TRAINING", dynamo=False)
PYTHON
"$folder/env/bin/python" "$folder/ask.py" "$folder/model.onnx" 2>"$folder/log" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
default exporter, PRESERVE: BatchNormalization training_mode 0, Dropout inputs 1
default exporter, TRAINING: BatchNormalization training_mode 0, Dropout inputs 1
dynamo=False, TRAINING: BatchNormalization training_mode 1, Dropout inputs 3
EXPECTED
echo "as described"
