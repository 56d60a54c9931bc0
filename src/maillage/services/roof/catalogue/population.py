"""Where people live, as an operator enters it: read once, kept packed, and prepared once for whoever asks."""

import gzip
import io
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from maillage.kernel.errors import Malformed
from maillage.kernel.files import BROKEN_GZIP
from maillage.kernel.population import Population, read_population
from maillage.kernel.ports import Clock
from maillage.kernel.threads import to_the_end
from maillage.kernel.times import format_time
from maillage.services.roof.catalogue.documents import PopulationDocument
from maillage.services.roof.catalogue.errors import NoPopulation
from maillage.services.roof.catalogue.ports import RoofRecords, StoredPopulation

if TYPE_CHECKING:
    from maillage.services.roof.coverage.people import People

UNPACKED_MAX = 256 << 20
"""Bytes that a packed file may become."""
PLACES_MAX = 1_000_000
"""Own choice: the United States have 240,000 census block groups. So many take half a minute and 1 GB to prepare."""
NAME_MAX = 200
_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20


class Residents:
    """The chain's population. What is read of the records is kept until they have another."""

    def __init__(self, records: RoofRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._preparing = threading.Lock()
        self._prepared: tuple[int, People] | None = None

    async def enter(self, content: bytes, name: str, territories: bool = False) -> PopulationDocument:
        """Take a CSV file's content, plain or packed with gzip, in the place of what was known. Malformed, naming the
        line, for what can't be read; see ``kernel.population.read_population``."""
        stored = await to_the_end(self._enter, content, name[:NAME_MAX], territories)
        return _document(stored)

    async def about(self) -> PopulationDocument:
        """NoPopulation without one."""
        stored = await to_the_end(self._records.population)
        if stored is None:
            raise NoPopulation
        return _document(stored)

    def people(self) -> tuple[int, "People"]:
        """The population's revision and its people; in a thread, since it may have to read them. NoPopulation without
        one."""
        from maillage.services.roof.coverage.people import People

        revision = self._records.population_revision()
        with self._preparing:
            if self._prepared is None or self._prepared[0] != revision:
                stored = self._records.population()
                if stored is None:
                    raise NoPopulation
                self._prepared = stored.revision, People(_unpacked(stored.packed))
            return self._prepared

    def _enter(self, content: bytes, name: str, territories: bool) -> StoredPopulation:
        population = _read(content, territories)
        if (places := len(population.people)) > PLACES_MAX:
            raise Malformed(f"the file has {places:,} places; at most {PLACES_MAX:,} are taken: add up small ones")
        people = round(float(population.people.sum()))
        new = StoredPopulation(name, self._clock.now(), len(population.people), people, 0, _packed(population))
        return msgspec.structs.replace(new, revision=self._records.put_population(new))


def _read(content: bytes, territories: bool) -> Population:
    with TemporaryDirectory(prefix="maillage-") as folder:
        file = Path(folder) / "population.csv"
        file.write_bytes(content if not content.startswith(_GZIP) else _plain(content))
        return read_population(file, territories)


def _plain(content: bytes) -> bytes:
    plain = io.BytesIO()
    try:
        with gzip.open(io.BytesIO(content)) as packed:
            while chunk := packed.read(_CHUNK):
                plain.write(chunk)
                if plain.tell() > UNPACKED_MAX:
                    raise Malformed(f"the packed file has more than {UNPACKED_MAX >> 20} MiB; leave columns out of it")
    except BROKEN_GZIP as fault:
        raise Malformed(f"the packed file is damaged or was cut short ({fault}); pack it again") from None
    return plain.getvalue()


def _packed(population: Population) -> bytes:
    """Only what is needed of it, the same bytes for the same points."""
    columns = zip(population.lat.tolist(), population.lon.tolist(), population.people.tolist(), strict=True)
    lines = "".join(f"{lat!r},{lon!r},{people!r}\n" for lat, lon, people in columns)
    return gzip.compress(b"lat,lon,population\n" + lines.encode(), 6, mtime=0)


def _unpacked(packed: bytes) -> Population:
    with gzip.open(io.BytesIO(packed), "rt", encoding="ascii") as lines:
        columns = np.loadtxt(lines, delimiter=",", skiprows=1, ndmin=2).T
    lat, lon, people = (np.ascontiguousarray(column) for column in columns)
    return Population(lat, lon, people, 0, 0)


def _document(stored: StoredPopulation) -> PopulationDocument:
    return PopulationDocument(
        stored.name, stored.places, stored.people, format_time(stored.entered_at), stored.revision
    )
