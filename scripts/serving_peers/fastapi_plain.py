"""FastAPI as its tutorial does it: a pydantic model in, a dict out, uvicorn with httptools and uvloop."""

from typing import Any

import uvicorn
from fastapi import FastAPI
from peer_model import port, predict
from pydantic import BaseModel


class Request(BaseModel):
    """Rows to score."""

    rows: list[dict[str, float | str | None]]


app = FastAPI()


@app.post("/predict")
async def answer(request: Request) -> dict[str, Any]:
    """Score the rows."""
    return {"predictions": predict(request.rows)}


uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
