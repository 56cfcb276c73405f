"""The prediction API for any ASGI server: `uvicorn serving.asgi:app`. The only module-level application."""

from mojoline.settings import load_settings
from serving.app import create_app

app = create_app(load_settings())
