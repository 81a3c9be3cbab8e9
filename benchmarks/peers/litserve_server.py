"""LitServe with its four steps as documented, given what suits it best here: a worker a core, each with one thread.

python benchmarks/peers/litserve_server.py MODEL_FOLDER PORT
"""

import io
import os
import sys
from pathlib import Path

import litserve  # type: ignore[import-not-found]
import numpy as np
import numpy.typing as npt
import onnxruntime
from fastapi import Request
from PIL import Image


class PhotoAPI(litserve.LitAPI):  # type: ignore[misc]  # its types are in an environment of their own
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(Path(sys.argv[1]) / "model.onnx", options)
        self.side = self.session.get_inputs()[0].shape[-1]

    def decode_request(self, request: Request) -> npt.NDArray[np.uint8]:
        image = Image.open(io.BytesIO(request["photo"].file.read())).convert("RGB")
        image = image.resize((self.side, self.side), Image.Resampling.BILINEAR)
        return np.asarray(image).transpose(2, 0, 1)[None]

    def predict(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        (logits,) = self.session.run(["logits"], {"pixels": pixels})
        return np.asarray(logits)

    def encode_response(self, logits: npt.NDArray[np.float32]) -> dict[str, list[float]]:
        return {"logits": logits[0].tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(PhotoAPI(), accelerator="cpu", workers_per_device=len(os.sched_getaffinity(0)))
    server.run(host="127.0.0.1", port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
