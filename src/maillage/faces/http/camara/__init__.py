"""CAMARA's edge APIs over HTTP, beside our own: their addresses, their errors, their headers."""

from maillage.faces.http.camara.discovery import ENDPOINTS, OPTIMAL, SIMPLE
from maillage.faces.http.camara.face import CamaraFace
from maillage.faces.http.camara.management import MANAGEMENT
from maillage.faces.http.camara.profiles import PROFILES

__all__ = ["APIS", "CamaraFace"]

APIS = (MANAGEMENT, SIMPLE, OPTIMAL, ENDPOINTS, PROFILES)
