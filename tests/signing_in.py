"""Signing in to an Airflow as a program does: a token, and a client that shows it."""

from __future__ import annotations

import httpx


def token(url: str, user: str, password: str) -> str:
    """A token of that user's."""
    answer = httpx.post(f"{url}/auth/token", json={"username": user, "password": password}, timeout=60, trust_env=False)
    return str(answer.json()["access_token"])


def client(url: str, user: str, password: str) -> httpx.Client:
    """A client of that user's, for pages and answers."""
    shown = {"Authorization": f"Bearer {token(url, user, password)}"}
    return httpx.Client(base_url=url, timeout=60, trust_env=False, headers=shown)
