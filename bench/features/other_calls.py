"""Double backward and int8 inference: calls of their own."""

from library import DoubleBackwardTensors, INT8, Int8Tensors, NCHW, NHWC, fill
from normalization import EPSILON
from turns import require_near


def double_backward(layer):
    """`like` is the first backward pass."""
    torch, new = layer.torch, layer.new
    ddx, gx, ddy = new(), new(), new()
    ddscale, ddbias = [torch.rand(layer.shape[1]) + 0.5 for _ in range(2)]
    x, scale, bias = layer.leaves()
    dy = layer.dy.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = torch.nn.functional.batch_norm(x, None, None, scale, bias, True, 0.1, EPSILON)
    first = torch.autograd.grad(y, (x, scale, bias), dy, create_graph=True)

    def theirs():
        return torch.autograd.grad(first, (x, dy, scale), (ddx, ddscale, ddbias),
                                   retain_graph=True)

    gscale = torch.zeros(layer.shape[1])
    saved = layer.saved()
    layer.forward(layer.cubn.batch_norm(), saved, layer.y)()
    descriptors = dict.fromkeys(("x_desc", "dy_desc", "ddx_desc", "gx_desc", "ddy_desc"),
                                layer.image)
    tensors = fill(DoubleBackwardTensors(), dict(descriptors, param_desc=layer.param),
                   dict(x=layer.x, dy=layer.dy, scale=layer.scale, ddx=ddx, ddscale=ddscale,
                        ddbias=ddbias, gx=gx, ddy=ddy, gscale=gscale, **saved))
    ours = layer.cubn.prepared("cubnBatchNormDoubleBackward", layer.cubn.batch_norm(), tensors)
    ours()
    for name, own, other in zip(("gx", "ddy", "gscale"), (gx, ddy, gscale), theirs()):
        require_near(name, own, other)
    return {"cubn": ours, "like": layer.plain(True), "torch": theirs}


def int8(layer):
    """int8 inference with ReLU. `like` is the same in float; PyTorch computes with the quantized
    values as floats; "copy" moves the bytes of the int8 tensor."""
    torch, cubn, shape = layer.torch, layer.cubn, layer.shape
    x_scale, y_scale, x_zero, y_zero = 0.05, 0.03, -3, 5
    layout = torch.channels_last if layer.channels_last else torch.contiguous_format
    quantized = torch.randint(-128, 128, shape, dtype=torch.int8).contiguous(memory_format=layout)
    result, copied = torch.empty_like(quantized), torch.empty_like(quantized)
    image = cubn.tensor(shape, NHWC if layer.channels_last else NCHW, INT8)
    mean, var = torch.rand(shape[1]), torch.rand(shape[1]) + 0.5
    descriptor = cubn.batch_norm(relu=True, statistics=1)
    tensors = fill(Int8Tensors(), {"x_desc": image, "y_desc": image, "param_desc": layer.param},
                   dict(x=quantized, y=result, scale=layer.scale, bias=layer.bias, mean=mean,
                        var=var))
    tensors.x_scale, tensors.x_zero_point = x_scale, x_zero
    tensors.y_scale, tensors.y_zero_point = y_scale, y_zero
    ours = cubn.prepared("cubnBatchNormForwardInt8", descriptor, tensors)

    def theirs():
        with torch.no_grad():
            x = (quantized.to(torch.float32) - x_zero) * x_scale
            y = torch.nn.functional.batch_norm(x, mean, var, layer.scale, layer.bias, False, 0.0,
                                               EPSILON)
            y = torch.nn.functional.relu(y, inplace=True)
            return (y / y_scale).round_().add_(y_zero).clamp_(-128, 127).to(torch.int8)

    ours()
    # Ties may round differently after other roundings: one step apart is the same.
    require_near("y of int8", result, theirs(), limit=1.01 / 127)
    like = layer.forward(descriptor, {}, layer.new(), mean=mean, var=var)
    return {"cubn": ours, "like": like, "torch": theirs, "copy": lambda: copied.copy_(quantized)}
