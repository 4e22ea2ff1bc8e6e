"""What the stages of a trained final_cnn make of one slice, as arrays."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from medley.models import final_cnn
from medley.models._stages import Stages
from medley.predict import Predictor

Floats = npt.NDArray[np.float32]


def of_stages(member: dict[str, Any], model: Path, image: Floats, threads: int) -> dict[str, Floats]:
    """Return the output (channels, rows, columns) of each stage, by name, in order.

    ``member`` is the resolved one, of architecture final_cnn, ``model`` its weights (safetensors) and ``image``
    (channels, rows, columns) a slice on the grid of its recipe.
    """
    predictor = Predictor(member, len(image), model, threads)
    network = cast(Stages, predictor.network)
    images = torch.from_numpy(np.array(image, dtype=np.float32, order="C")[None])
    seen = final_cnn.activations(network, images.to(predictor.device))
    return {name: output[0].float().cpu().numpy() for name, output in seen.items()}
