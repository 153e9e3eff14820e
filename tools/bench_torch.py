"""The PyTorch loops that ``tools/bench.py`` compares; they need neither TensorFlow nor gan_zoo.

So each framework can have a process and an environment of its own. What to build comes as plain
values, from ``bench_peers.describe_for_torch``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# Of the host: one call each, whatever it makes the card do.
_LAUNCHES = ("LaunchKernel", "GraphLaunch", "MemcpyAsync", "MemsetAsync")


def build_loop(spec: dict[str, Any], images: np.ndarray):
    """Return ``run(n)``, which does n steps and returns when they are done.

    The mode of the spec is ``nchw`` (eager, PyTorch's own layout), ``eager`` (channels_last),
    ``graph`` (the whole step captured as a CUDA graph) or ``compile`` (the nets by torch.compile).

    Raises:
        RuntimeError: A CUDA graph is asked for and there is no NVIDIA card.
    """
    if spec["mode"] == "graph" and not torch.cuda.is_available():
        raise RuntimeError("a CUDA graph needs an NVIDIA card.")
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")  # TF32 on a card that has it, as in TensorFlow
    torch.backends.cudnn.allow_tf32 = True
    step = _Pair(spec, images).step
    if spec["mode"] == "graph":
        step = _captured(step)

    def run(n: int) -> None:
        for _ in range(n):
            step()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return run


def count_starts(run, steps: int) -> dict[str, float]:
    """Return what the host starts on the card and what the card runs, a step; nothing on a CPU."""
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    if not torch.cuda.is_available():
        return {}
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as traced:
        run(steps)
    events = list(traced.events())
    on_card = [event for event in events if event.device_type == DeviceType.CUDA]
    on_host = [event for event in events if event.device_type == DeviceType.CPU]
    starts = [event for event in on_host if any(word in event.name for word in _LAUNCHES)]
    return {"starts": len(starts) / steps, "kernels": len(on_card) / steps}


def _captured(step):
    """Return a call that replays one step as a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class _Normed(nn.Module):
    """A layer whose kernel is divided by its largest singular value, as in gan_zoo's trick.

    One power iteration follows each update of D. (PyTorch's own does one at each call.)
    """

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner = inner
        rows, columns = inner.weight.flatten(1).shape
        self.register_buffer("u", torch.full((rows,), rows**-0.5))
        self.register_buffer("v", torch.full((columns,), columns**-0.5))
        for _ in range(20):
            self.iterate()

    def forward(self, x):
        inner = self.inner
        with torch.autocast(x.device.type, enabled=False):
            matrix = inner.weight.flatten(1)
            weight = inner.weight / torch.dot(self.u, torch.mv(matrix, self.v))
        if isinstance(inner, nn.Conv2d):
            return functional.conv2d(x, weight, inner.bias, inner.stride, inner.padding)
        return functional.linear(x, weight, inner.bias)

    @torch.no_grad()
    def iterate(self) -> None:
        """Bring u and v closer to the kernel's singular vectors."""
        matrix = self.inner.weight.flatten(1)
        self.v.copy_(functional.normalize(torch.mv(matrix.t(), self.u), dim=0))
        self.u.copy_(functional.normalize(torch.mv(matrix, self.v), dim=0))


class _Pair:
    """Both nets, their optimizers and one step of them."""

    def __init__(self, spec: dict[str, Any], images: np.ndarray):
        self.spec, self.rules, self.batch = spec, spec["rules"], spec["batch"]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        nchw = spec["mode"] == "nchw"
        self.layout = torch.contiguous_format if nchw else torch.channels_last
        gen, disc = _net(spec["gen"]), _net(spec["disc"], self.rules["spectral_norm"])
        self.nets = [
            net.to(self.device).to(memory_format=self.layout).train() for net in (gen, disc)
        ]
        self.gen_opt, self.disc_opt = (
            self._adam(net, spec[name])
            for net, name in zip(self.nets, ("gen_opt", "disc_opt"), strict=True)
        )
        compiled = spec["mode"] == "compile"
        self.gen, self.disc = map(torch.compile, self.nets) if compiled else self.nets
        self.normed = [layer for layer in disc if isinstance(layer, _Normed)]
        self.average = [p.detach().clone() for p in gen.parameters()] if self.rules["ema"] else []
        self.real_mean = torch.zeros((), device=self.device)  # LeCam's
        self.fake_mean = torch.zeros((), device=self.device)
        self.source = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(self.device)

    def step(self) -> None:
        """Update D, then G, each on new fakes."""
        real = self._real_images()
        with self._autocast():
            with torch.no_grad():
                fake = self.gen(self._noise())
            real_logits, fake_logits = self.disc(real), self.disc(fake)
        loss = self._disc_loss(real_logits.float(), fake_logits.float())
        self.disc_opt.zero_grad(set_to_none=True)
        loss.backward()
        self.disc_opt.step()
        for layer in self.normed:
            layer.iterate()
        gen, disc = self.nets
        disc.requires_grad_(False)
        with self._autocast():
            logits = self.disc(self.gen(self._noise()))
        loss = self._gen_loss(logits.float())
        self.gen_opt.zero_grad(set_to_none=True)
        loss.backward()
        self.gen_opt.step()
        disc.requires_grad_(True)
        if self.average:
            with torch.no_grad():
                weights = [p.detach() for p in gen.parameters()]
                torch._foreach_lerp_(self.average, weights, 1.0 - self.rules["ema"])

    def _adam(self, net: nn.Module, given: dict[str, float]) -> torch.optim.Optimizer:
        more: dict[str, Any] = {}
        if self.device == "cuda":
            more = {"fused": True, "capturable": self.spec["mode"] == "graph"}
        betas = (given["beta_1"], given["beta_2"])
        return torch.optim.Adam(
            net.parameters(), given["learning_rate"], betas, given["epsilon"], **more
        )

    def _autocast(self):
        return torch.autocast(self.device, torch.bfloat16, enabled=self.spec["bfloat16"])

    def _noise(self):
        z = torch.randn(self.batch, *self.spec["latent"], device=self.device)
        return z if z.ndim == 2 else z.contiguous(memory_format=self.layout)

    def _real_images(self):
        rows = torch.randint(len(self.source), (self.batch,), device=self.device)
        real = self.source[rows].to(torch.float32) / 127.5 - 1.0
        if rate := self.rules["flips"]:
            flip = torch.rand(self.batch, 1, 1, 1, device=self.device) < rate
            real = torch.where(flip, real.flip(3), real)
        return real.contiguous(memory_format=self.layout)

    def _disc_loss(self, real, fake):
        if self.rules["hinge"]:
            loss = functional.relu(1.0 - real).mean() + functional.relu(1.0 + fake).mean()
        else:
            loss = _cross_entropy(real, self.rules["target"]) + _cross_entropy(fake, 0.0)
        if weight := self.rules["lecam"]:
            for mean, logits in ((self.real_mean, real), (self.fake_mean, fake)):
                mean.lerp_(logits.detach().mean(), 0.01)
            far = (real - self.fake_mean).square() + (fake - self.real_mean).square()
            loss = loss + weight * far.mean()
        return loss

    def _gen_loss(self, fake):
        return -fake.mean() if self.rules["hinge"] else _cross_entropy(fake, self.rules["target"])


def _cross_entropy(logits, target: float):
    targets = torch.full_like(logits, target)
    return functional.binary_cross_entropy_with_logits(logits, targets)


def _net(layers: list[dict[str, Any]], spectral_norm: bool = False) -> nn.Sequential:
    """Return the chain of layers; with spectral norm, all that have a kernel are normalized."""
    modules = []
    for layer in layers:
        module = _module(**layer)
        if spectral_norm and isinstance(module, (nn.Conv2d, nn.Linear)):
            module = _Normed(module)
        modules.append(module)
    return nn.Sequential(*modules)


def _module(kind: str, **of: Any) -> nn.Module:
    """Return one layer from its description."""
    if kind == "Dense":
        return nn.Linear(of["inputs"], of["units"], bias=of["bias"])
    if kind == "Reshape":
        height, width, channels = of["shape"]
        return nn.Unflatten(1, (channels, height, width))
    if kind == "Flatten":
        return nn.Flatten()
    if kind == "BatchNorm":
        made = nn.BatchNorm1d if of["flat"] else nn.BatchNorm2d
        return made(of["channels"], of["epsilon"], 1 - of["momentum"])
    if kind == "LeakyReLU":
        return nn.LeakyReLU(of["slope"], inplace=True)
    if kind == "Dropout":
        return nn.Dropout(of["rate"])
    if kind == "Activation":
        return nn.Tanh()
    return _convolution(kind, **of)


def _convolution(kind: str, inputs: int, filters: int, kernel: int, stride: int, bias: bool):
    padding = (kernel - 1) // 2
    if kind == "Conv2D":
        made = nn.Conv2d(inputs, filters, kernel, stride, padding, bias=bias)
    else:
        rest = kernel % 2 * (stride - 1)
        made = nn.ConvTranspose2d(inputs, filters, kernel, stride, padding, rest, bias=bias)
    nn.init.normal_(made.weight, 0.0, 0.02)
    return made
