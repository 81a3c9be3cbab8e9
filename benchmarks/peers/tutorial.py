"""The FastAPI server of every tutorial: `async def`, the whole picture decoded, onnxruntime with its defaults.

python benchmarks/peers/tutorial.py MODEL_FOLDER PORT
"""

import io
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, UploadFile
from PIL import Image

model_folder, port = sys.argv[1:]
app = FastAPI()
session = onnxruntime.InferenceSession(Path(model_folder) / "model.onnx")
side = session.get_inputs()[0].shape[-1]


@app.post("/predict")
async def predict(photo: UploadFile) -> dict[str, list[float]]:
    image = Image.open(io.BytesIO(await photo.read())).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    pixels = np.asarray(image).transpose(2, 0, 1)[None]
    (logits,) = session.run(["logits"], {"pixels": pixels})
    return {"logits": logits[0].tolist()}


@app.get("/health")
async def health() -> str:
    return "live"


uvicorn.run(app, port=int(port), log_level="warning")
