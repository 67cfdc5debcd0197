"""A host's settings are a container's."""

from tests.unit.melda.conftest import place as place
from tests.unit.melda.conftest import settings as settings
