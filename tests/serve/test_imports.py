"""What a start loads: the service must be ready soon and small, so nothing heavy that it never uses."""

import subprocess
import sys

HEAVY = {
    "IPython", "ImageHash", "cv2", "joblib", "matplotlib", "networkx", "onnx", "onnxscript", "pandas", "playwright",
    "safetensors", "scipy", "sklearn", "sympy", "tensorboard", "torch", "torchvision", "tqdm", "httpx",
}  # fmt: skip


def test_nothing_heavy_is_imported_that_serving_does_not_use():
    script = "import sys, uvicorn, serve.__main__, serve.app; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert set(loaded.split()) & HEAVY == set()


def test_what_is_said_before_the_start_does_not_wait_for_the_model():
    script = "import sys, serve.__main__; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert {"onnxruntime", "fastapi", "uvicorn"} & set(loaded.split()) == set()
