"""What to write instead of an ATen operator that has no rule."""

from __future__ import annotations

RELU = "nn.ReLU (it is followed by a quantiser, which also clips from above)"
LOGITS = "leave it off and train on the logits (nn.CrossEntropyLoss); torch.argmax picks the same class"
NORM = "nn.BatchNorm2d or nn.BatchNorm1d, which become a constant per channel"
POOL = "nn.MaxPool2d, nn.AvgPool2d or nn.AdaptiveAvgPool2d"
ORDER = "keep channels where they are (N, C, H, W), and nn.Flatten before the first nn.Linear"
CONSTANT = "put the constant into the weights or the bias of the neighbouring layer"
LAYERS = "nn.Linear and nn.Conv2d layers"
FLAT = "nn.Flatten, from (N, C, H, W) to (N, C*H*W)"
SUPPORTED = (
    "Linear, Conv2d, BatchNorm1d/2d, ReLU, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, "
    "Flatten, residual +, Dropout, Identity, argmax"
)

TABLE = (
    (
        "sigmoid tanh gelu silu elu selu celu leaky_relu prelu hardtanh relu6 hardswish hardsigmoid mish softplus "
        "clamp clamp_min clamp_max threshold rrelu logsigmoid abs",
        RELU,
    ),
    ("softmax _softmax log_softmax _log_softmax", LOGITS),
    ("layer_norm native_layer_norm group_norm instance_norm rms_norm local_response_norm", NORM),
    ("max_pool1d avg_pool1d max_pool3d avg_pool3d lp_pool2d adaptive_max_pool2d amax fractional_max_pool2d", POOL),
    ("permute transpose movedim t swapaxes channel_shuffle pixel_shuffle numpy_T mT", ORDER),
    ("mul sub div rsub neg pow sqrt exp log reciprocal", CONSTANT),
    ("matmul mm bmm addmm einsum baddbmm", "nn.Linear, with its weights in a parameter"),
    ("conv1d conv3d conv_tbc", "nn.Conv2d (a 1-D signal is an image of height 1)"),
    ("squeeze unsqueeze unflatten", FLAT),
    ("lstm gru rnn_tanh rnn_relu multi_head_attention_forward scaled_dot_product_attention", LAYERS),
    ("max topk sort min argmin", "torch.argmax(x, dim=1) at the end of the network"),
    ("conv_transpose2d", "nn.Conv2d; nothing enlarges an image"),
    ("upsample_nearest2d upsample_bilinear2d upsample_bicubic2d", "leave it off; nothing enlarges an image"),
    ("max_pool2d_with_indices", "nn.MaxPool2d with return_indices=False"),
    ("pad constant_pad_nd", "padding=... of the nn.Conv2d that follows, with padding_mode='zeros'"),
    ("cat stack", "a residual addition (x + y) of two branches with the same channels"),
    ("embedding", "feed real values: one-hot vectors into nn.Linear"),
    ("sum", "x.mean(dim=(2, 3)), or nn.AdaptiveAvgPool2d(1)"),
)
HINTS = {operator: hint for operators, hint in TABLE for operator in operators.split()}


def instead_of(operator: str) -> str:
    """What to write instead of `aten::<operator>`; in-place forms have the same answer."""
    return HINTS.get(operator) or HINTS.get(operator.rstrip("_")) or f"one of: {SUPPORTED}"
