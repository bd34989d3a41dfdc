"""Writes what PyTorch and MMSegmentation answer for ops whose details are easy to get wrong.

    PYTHON make_goldens.py torch      -> torch.json, with PyTorch
    PYTHON make_goldens.py losses 1x  -> losses_1x.json, with mmsegmentation 1.2.2
    PYTHON make_goldens.py losses 0x  -> losses_0x.json, with mmsegmentation 0.30.0

A case is {"op", "attr", "in": [tensor or null], "out": [tensor], "dy": tensor, "dx": [tensor or null]}; a tensor is
{"shape", "data"}. Maps are [N, H, W, C]. dx are the gradients of sum(out[0] * dy).
"""
import json
import sys

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
cases = []


def values(*shape):
    """Multiples of 1/8 in [-4, 4], ties and kinks included."""
    return torch.randint(-32, 33, shape).float() / 8


def positive(*shape):
    return torch.randint(1, 33, shape).float() / 8


def last(t):
    return t.permute(0, 2, 3, 1) if t.dim() == 4 else t


def packed(t):
    if t is None:
        return None
    t = t.detach()
    data = t.reshape(-1).tolist()
    return {"shape": list(t.shape), "data": [float(f"{v:.9g}") if t.is_floating_point() else v for v in data]}


def case(op, attr, inputs, run, extra=(), weight=None):
    """inputs: tensors with channels second; all get gradients. extra: results beside the first one. weight: the input
    that keeps PyTorch's order of axes."""
    def turn(t, i=0):
        return last(t) if i != weight or weight is None else t

    given = [None if t is None else t.clone().requires_grad_() for t in inputs]
    y = run(*given)
    dy = values(*y.shape)
    (y * dy).sum().backward()
    cases.append({
        "op": op, "attr": attr,
        "in": [None if t is None else packed(turn(t, i)) for i, t in enumerate(given)],
        "out": [packed(turn(y))] + [packed(t) for t in extra],
        "dy": packed(turn(dy)),
        "dx": [None if t is None or t.grad is None else packed(turn(t.grad, i)) for i, t in enumerate(given)],
    })


def resized(x, **how):
    y = F.interpolate(x, **how)
    attr = {"h": y.shape[2], "w": y.shape[3], "align_corners": bool(how.get("align_corners")),
            "nearest": how["mode"] == "nearest"}
    if how["mode"] == "bicubic":
        attr["cubic"] = True
    if "scale_factor" in how:
        factor = how["scale_factor"]
        attr["scale_h"], attr["scale_w"] = factor if isinstance(factor, tuple) else (factor, factor)
    case("resize", attr, [x], lambda t: F.interpolate(t, **how))


def resizes():
    one = resized
    for size in ((8, 10), (7, 9), (3, 2), (1, 1), (4, 5), (13, 6)):
        for corners in (False, True):
            one(values(1, 2, 4, 5), size=size, mode="bilinear", align_corners=corners)
        one(values(1, 2, 4, 5), size=size, mode="nearest")
    one(values(1, 2, 1, 1), size=(3, 4), mode="bilinear", align_corners=False)
    for factor in (1.3, 1.5, 2.0, 2.1, 0.6, (1.2, 2.6)):
        one(values(1, 2, 4, 5), scale_factor=factor, mode="bilinear", align_corners=False)
        one(values(1, 2, 4, 5), scale_factor=factor, mode="nearest")
    one(values(1, 2, 4, 5), scale_factor=1.7, mode="bilinear", align_corners=True)
    one(values(1, 1, 3, 3), scale_factor=1.3, mode="bilinear", align_corners=False)


def pools():
    for kernel, stride, pad in ((3, 2, 1), (2, 2, 0), (3, 1, 1), (3, 3, 0), (2, 3, 1)):
        for ceil in (False, True):
            attr = {"kernel": kernel, "stride": stride, "pad": pad, "ceil_mode": ceil}
            for include in (False, True):
                how = dict(stride=stride, padding=pad, ceil_mode=ceil, count_include_pad=include)
                case("avg_pool", dict(attr, count_include_pad=include), [values(1, 2, 5, 7)],
                     lambda t: F.avg_pool2d(t, kernel, **how))
            case("max_pool", attr, [values(1, 2, 5, 7).round()],
                 lambda t: F.max_pool2d(t, kernel, stride, pad, ceil_mode=ceil))
    for size in ((1, 1), (2, 3), (5, 7), (6, 9)):
        case("adaptive_avg_pool", {"h": size[0], "w": size[1]}, [values(1, 2, 5, 7)],
             lambda t: F.adaptive_avg_pool2d(t, size))


def norms():
    x = values(2, 6, 3, 4)
    for groups in (1, 2, 6):
        case("group_norm", {"groups": groups, "eps": 1e-5}, [x, values(6), values(6)],
             lambda t, g, b: F.group_norm(t, groups, g, b, 1e-5))
    case("group_norm", {"groups": 6, "eps": 1e-5}, [x, None, None], lambda t, g, b: F.instance_norm(t, eps=1e-5))
    case("layer_norm", {"eps": 1e-6}, [values(2, 3, 5), values(5), values(5)],
         lambda t, g, b: F.layer_norm(t, (5,), g, b, 1e-6))
    for momentum, eps in ((0.1, 1e-5), (0.01, 1e-3)):
        norm = nn.BatchNorm2d(6, eps=eps, momentum=momentum)
        norm.running_mean, norm.running_var = values(6), positive(6)
        before = [norm.running_mean.clone(), norm.running_var.clone()]

        def run(t, g, b, mean, var):
            return F.batch_norm(t, norm.running_mean, norm.running_var, g, b, True, momentum, eps)
        case("batch_norm_train", {"eps": eps, "momentum": momentum}, [x, values(6), values(6)] + before, run,
             extra=[norm.running_mean, norm.running_var])
    case("batch_norm", {"eps": 1e-5}, [x, values(6), values(6), values(6), positive(6)],
         lambda t, g, b, m, v: F.batch_norm(t, m.detach(), v.detach(), g, b, False, 0.1, 1e-5))


def elements():
    x = torch.arange(-56, 57).float() / 8  # -7 ... 7 by 1/8: all kinks
    some = torch.tensor([-7, -6, -3, -1.5, -1, 0, 0.5, 1, 2, 3, 6, 7.])
    for kind, alpha, beta, f in (
            ("relu", 0, 0, F.relu), ("relu6", 0, 0, F.relu6), ("leaky_relu", 0.1, 0, lambda t: F.leaky_relu(t, 0.1)),
            ("sigmoid", 0, 0, torch.sigmoid), ("tanh", 0, 0, torch.tanh), ("gelu", 0, 0, F.gelu),
            ("silu", 0, 0, F.silu), ("hswish", 0, 0, F.hardswish), ("hsigmoid", 3, 6, F.hardsigmoid),
            ("elu", 1, 0, F.elu), ("elu", 0.5, 0, lambda t: F.elu(t, 0.5)), ("exp", 0, 0, torch.exp),
            ("abs", 0, 0, torch.abs), ("square", 0, 0, torch.square), ("clamp", -1, 2, lambda t: t.clamp(-1, 2))):
        case("unary", {"kind": kind, "alpha": alpha, "beta": beta}, [x if kind in ("gelu", "relu6") else some], f)
    for kind, f in (("log", torch.log), ("sqrt", torch.sqrt), ("reciprocal", torch.reciprocal)):
        case("unary", {"kind": kind, "alpha": 0, "beta": 0}, [positive(12)], f)
    a, b = values(2, 3, 4).round(), values(2, 1, 4).round()
    for kind, f in (("max", torch.maximum), ("min", torch.minimum), ("div", lambda p, q: p / q)):
        case("binary", {"kind": kind}, [a, b if kind != "div" else positive(2, 1, 4)], f)
    case("prelu", {}, [values(2, 3, 2, 2).round(), values(3)], F.prelu)
    case("softmax", {}, [values(3, 5) * 4], lambda t: F.softmax(t, -1))


def convolutions():
    for channels, out, groups, kernel, stride, pad, dilation in (
            (3, 4, 1, 3, 2, 1, 1), (4, 4, 2, 3, 1, 2, 2), (3, 6, 3, 3, 1, 1, 1), (2, 3, 1, 5, 3, 0, 1)):
        how = dict(stride=stride, padding=pad, dilation=dilation, groups=groups)
        case("conv2d", {"stride": stride, "pad": pad, "dilation": dilation, "groups": groups},
             [values(1, channels, 7, 6), values(out, channels // groups, kernel, kernel), values(out)],
             lambda x, w, b: F.conv2d(x, w, b, **how), weight=1)


def transposed():
    for channels, out, groups, kernel, stride, pad, more, dilation in (
            (3, 4, 1, 3, 2, 1, 1, 1), (4, 3, 1, 4, 2, 1, 0, 1), (4, 6, 2, 2, 3, 0, 2, 1), (2, 3, 1, 3, 1, 1, 2, 3)):
        how = dict(stride=stride, padding=pad, output_padding=more, dilation=dilation, groups=groups)
        case("conv_transpose2d",
             {"stride": stride, "pad": pad, "output_pad": more, "dilation": dilation, "groups": groups},
             [values(1, channels, 4, 5), values(channels, out // groups, kernel, kernel), values(out)],
             lambda x, w, b: F.conv_transpose2d(x, w, b, **how), weight=1)


def points():
    at = values(2, 40, 2) / 6 + 0.5
    for mode in ("bilinear", "nearest"):
        for corners in (False, True):
            case("point_sample", {"align_corners": corners, "nearest": mode == "nearest"}, [values(2, 3, 5, 8), at],
                 lambda t, p: F.grid_sample(t, 2 * p.detach()[:, :, None] - 1, mode, "zeros", corners)[..., 0]
                 .transpose(1, 2))


def losses(dialect):
    from mmseg.models.losses import CrossEntropyLoss, accuracy

    def one(logits, label, weight=None, ignore_index=255, **how):
        loss = CrossEntropyLoss(**how)
        x = logits.clone().requires_grad_(True)
        y = loss(x, label, weight=weight, ignore_index=ignore_index).mean()
        y.backward()
        attr = dict(how, ignore_index=ignore_index, dialect=dialect)
        attr["accuracy"] = float(accuracy(logits, label, ignore_index=ignore_index))
        cases.append({"op": "loss", "attr": attr,
                      "in": [packed(last(logits)), packed(label), packed(weight)], "out": [packed(y)], "dy": None,
                      "dx": [packed(last(x.grad))]})

    def labels(classes, *shape, ignored=0.25):
        t = torch.randint(0, classes, shape)
        t[torch.rand(shape) < ignored] = 255
        return t

    def scores(*shape):
        """No two are equal: which of equals is the largest is not said anywhere."""
        return (2 * torch.randn(shape)).round(decimals=4)

    x, y, w = scores(2, 5, 3, 4), labels(5, 2, 3, 4), positive(2, 3, 4)
    inside = y.clone()
    inside[inside == 255] = 3
    class_weight = [0.5, 1.0, 2.0, 0.25, 1.5]
    nothing = torch.full_like(y, 255)
    for reduction in ("mean", "sum", "none"):
        for non_ignore in (False, True):
            how = dict(reduction=reduction, avg_non_ignore=non_ignore, loss_weight=0.4)
            one(x, y, **how)
            one(x, y, weight=w, **how)
            one(x, y, use_sigmoid=True, **how)
            one(x, y, weight=w, use_sigmoid=True, **how)
            one(x, nothing, **how)
            one(x, nothing, use_sigmoid=True, **how)
            # Where there are class weights the reference fails on labels that are no class, so ignore_index is one.
            one(x, inside, ignore_index=3, class_weight=class_weight, **how)
            one(x, inside, ignore_index=3, class_weight=class_weight, weight=w, **how)
            # pos_weight lies along the last axis: rows [N, K] are where that is the classes'.
            one(scores(6, 5), labels(5, 6), use_sigmoid=True, class_weight=class_weight, **how)
            one(scores(2, 1, 3, 4), labels(2, 2, 3, 4), use_sigmoid=True, **how)
            one(scores(2, 1, 3, 4), labels(2, 2, 3, 4), weight=w, use_sigmoid=True, class_weight=[2.5], **how)
    one(scores(1, 2, 2, 3) * 100, labels(2, 1, 2, 3))
    one(scores(1, 19, 2, 3), labels(19, 1, 2, 3), avg_non_ignore=True)


def cubic_resizes():
    for size in ((8, 10), (7, 9), (3, 2), (1, 1), (4, 5), (13, 6)):
        for corners in (False, True):
            resized(values(1, 2, 4, 5), size=size, mode="bicubic", align_corners=corners)
    resized(values(1, 2, 1, 1), size=(3, 4), mode="bicubic", align_corners=False)
    resized(values(1, 2, 2, 3), size=(5, 7), mode="bicubic", align_corners=True)
    for factor in (1.3, 2.0, 0.6, (1.2, 2.6)):
        resized(values(1, 2, 4, 5), scale_factor=factor, mode="bicubic", align_corners=False)


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "torch":
        for make in (resizes, pools, norms, elements, convolutions, transposed, points, cubic_resizes):
            make()
        name = "torch.json"
    elif what == "losses" and sys.argv[2:] in (["1x"], ["0x"]):
        losses(sys.argv[2])
        name = f"losses_{sys.argv[2]}.json"
    else:
        sys.exit(__doc__)
    with open(name, "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
    print(f"{name}: {len(cases)} cases")


main()
