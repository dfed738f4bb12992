"""The model that the settings name."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, infer_model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from egregora_dag.exceptions import EgregoraError
from egregora_dag.llm.settings import LlmSettings, api_key
from egregora_dag.registry import SettingError

_WANTED: Final = "provider:model, such as openai:gpt-5-mini, or a model's name and a base_url"


def model_of(settings: LlmSettings) -> Model:
    """The model that the settings name.

    Args:
        settings: The settings.

    Returns:
        The model; nothing is asked of it yet.

    Raises:
        SettingError: No provider knows it.
        EgregoraError: A package is missing, or the key.
    """
    if not settings.model:
        raise SettingError("language model", "model", "", _WANTED)
    if settings.base_url:
        return _at_address(settings)
    try:
        return infer_model(settings.model)
    except ImportError as error:
        raise EgregoraError(f"{settings.model}: {error}") from error
    except UserError as error:
        if str(error).startswith("Unknown model"):
            raise SettingError("language model", "model", settings.model, _WANTED) from error
        raise EgregoraError(f"{settings.model}: {error}") from error


def _at_address(settings: LlmSettings) -> Model:
    """A model of a server that speaks OpenAI's protocol; no other service's key is sent there."""
    provider = OpenAICompatibleProvider(
        "openai-compatible", base_url=settings.base_url, api_key=api_key()
    )
    return OpenAIChatModel(settings.model.removeprefix("openai:"), provider=provider)


def is_local(settings: LlmSettings) -> bool:
    """Whether the model runs on this machine, as far as its address says so."""
    host = urlsplit(settings.base_url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
