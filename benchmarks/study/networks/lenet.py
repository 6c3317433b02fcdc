"""LeNet and its fully convolutional translation (5.1, 5.1.1).

The lecture's listing of the translation cannot be imported, and would not work if it could be:

* ``return F.log_softmax(x, dim=1)`` stands at the indentation of ``def``, outside of ``forward``: Python refuses the
  file with "'return' outside function".
* ``x = self.conv5`` names the last layer and does not call it: `x` would be the module in place of its output, which
  ``log_softmax`` refuses. It must be ``x = self.conv5(x)``.

The layers are right. A fully connected layer on a map of 16 × 5 × 5 is a convolution whose kernel is as large as the
map, and those after it are convolutions of 1 × 1: with the classifier's weights, reshaped, the translation gives the
classifier's outputs on 32 × 32 (but as logarithms of probabilities, where the classifier gives logits), and a map of
such outputs on anything larger. The listing's name in the lecture, "fullyconnected", means fully convolutional.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

#: voxels that one output sees along an axis, and how far two neighbouring ones see apart
FIELD, STRIDE = 32, 4


class Classifier(nn.Module):
    """LeNet as a classifier of images of 32 × 32."""

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.pool1 = nn.AvgPool2d(2, stride=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.pool2 = nn.AvgPool2d(2, stride=2)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc3(F.relu(self.fc2(x)))


class FullyConvolutional(nn.Module):
    """LeNet as a map of classifications: an image of n voxels gives (n - 32) // 4 + 1 of them along each axis."""

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.pool1 = nn.AvgPool2d(2, stride=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.pool2 = nn.AvgPool2d(2, stride=2)
        self.conv3 = nn.Conv2d(16, 120, kernel_size=5)
        self.conv4 = nn.Conv2d(120, 84, kernel_size=1)
        self.conv5 = nn.Conv2d(84, classes, kernel_size=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        x = F.relu(self.conv3(x))
        x = self.conv5(F.relu(self.conv4(x)))
        return F.log_softmax(x, dim=1)

    def take(self, classifier: Classifier) -> None:
        """Become the translation of a trained classifier."""
        state = classifier.state_dict()
        kernels = {
            "fc1": ("conv3", (16, 5, 5)),
            "fc2": ("conv4", (120, 1, 1)),
            "fc3": ("conv5", (84, 1, 1)),
        }
        for linear, (convolution, kernel) in kernels.items():
            weight = state.pop(f"{linear}.weight")
            state[f"{convolution}.weight"] = weight.reshape(len(weight), *kernel)
            state[f"{convolution}.bias"] = state.pop(f"{linear}.bias")
        self.load_state_dict(state)


class LeNet(nn.Module):
    """The map of classifications, scaled up to the voxels of the image.

    Output i sees the voxels 4 i to 4 i + 31, so that it stands for the place 4 i + 15.5. Bilinear upsampling by 4 puts
    entry i at 4 i + 1.5: with 14 voxels before the image both are one place. Behind it come as many, and what is
    missing to a multiple of 4, so that each voxel lies in an entry's block of 4.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.net = FullyConvolutional(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[-2:]
        before = (FIELD - STRIDE) // 2
        after = [before + -n % STRIDE for n in size]
        x = F.pad(x, (before, after[1], before, after[0]), mode="replicate")
        x = F.interpolate(self.net(x), scale_factor=STRIDE, mode="bilinear", align_corners=False)
        return x[..., : size[0], : size[1]]
