#!/usr/bin/env bash
# PaddlePaddle 3.3.1 (PyPI), CPU.
#
# In training, with one value per channel, nn.BatchNorm1D and nn.BatchNorm2D return x as it is:
# neither normalized nor multiplied by the weight nor moved by the bias, without an error or a
# warning. The formula gives the bias. With two values per channel the layer works as usual, so the
# last, short batch of an epoch runs through a network without batch normalization.
#
# Seen, with weight 2 and bias 3:
#   1 row:  [[5.0, -700.0]]
#   2 rows: [[1.0, 5.0], [5.0, 1.0]]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir \
  'paddlepaddle==3.3.1' 'numpy==2.4.6'
cat >"$folder/ask.py" <<'PYTHON'
import paddle

layer = paddle.nn.BatchNorm1D(2)
layer.weight.set_value(paddle.to_tensor([2.0, 2.0]))
layer.bias.set_value(paddle.to_tensor([3.0, 3.0]))
layer.train()
for name, rows in (("1 row: ", [[5.0, -700.0]]), ("2 rows:", [[5.0, -600.0], [9.0, -700.0]])):
    y = layer(paddle.to_tensor(rows))
    print(name, [[round(value, 3) for value in row] for row in y.tolist()])
PYTHON
"$folder/env/bin/python" "$folder/ask.py" 2>"$folder/log" | tee "$folder/seen"
diff - "$folder/seen" <<'EXPECTED'
1 row:  [[5.0, -700.0]]
2 rows: [[1.0, 5.0], [5.0, 1.0]]
EXPECTED
echo "as described"
