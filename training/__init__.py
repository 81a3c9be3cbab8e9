"""From labelled photos to a released model: fit, export, calibrate, quantize, evaluate, release."""
