#!/usr/bin/env python3
"""Writes the parameters of the BatchNormalization nodes of an ONNX model to a text for
`infer --import`.

    python3 examples/import/onnx_params.py model.onnx model.bn

Needs the Python package onnx (tested with 1.23.2). Parameters may be initializers of any float
type, also in files beside the model, and outputs of Constant and Identity nodes; they become
float32."""
import sys

import numpy
import onnx
from onnx import numpy_helper

NAMES = ("scale", "bias", "mean", "var")


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def constants(graph):
    """The values that do not depend on the input, by name."""
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and "value" in attributes(node):
            known[node.output[0]] = numpy_helper.to_array(attributes(node)["value"])
        elif node.op_type == "Identity" and node.input[0] in known:
            known[node.output[0]] = known[node.input[0]]
    return known


def read_norm(node, index, known):
    """Name, epsilon and the four arrays of a node."""
    name = "_".join((node.name or f"BatchNormalization_{index}").split())
    arrays = []
    for what, source in zip(NAMES, node.input[1:]):
        if source not in known:
            raise ValueError(f"{name}: expected a constant as {what}, found '{source}', which is "
                             "computed or an input of the model")
        arrays.append(numpy.asarray(known[source], numpy.float32))
    if any(array.ndim != 1 or array.shape != arrays[0].shape for array in arrays):
        raise ValueError(f"{name}: expected four arrays with one value per channel, found shapes "
                         f"{[array.shape for array in arrays]}")
    return name, attributes(node).get("epsilon", 1e-5), arrays


def write(model, file):
    known = constants(model.graph)
    nodes = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    norms = [read_norm(node, i, known) for i, node in enumerate(nodes)]
    file.write("cubn batch norms 1\n")
    for name, epsilon, arrays in norms:
        file.write(f"norm {name} {len(arrays[0])} {epsilon:.9g}\n")
        for what, array in zip(NAMES, arrays):
            file.write(" ".join([what] + [f"{value:.9g}" for value in array]) + "\n")
    file.write("end\n")
    return len(norms)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        model = onnx.load(sys.argv[1])
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            print(f"{write(model, file)} batch norm layers")
    except (OSError, ValueError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
