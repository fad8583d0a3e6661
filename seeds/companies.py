"""The companies of the fictional market: invented names, numbers that nobody has, sites near real towns.

Every brand is put together from words of nature and stands for nobody. Capacities, needs, fleets and cash are
assumptions that fit each other: what the plants can load in a day covers what the stations need, with little to spare
in the afternoon, when the solar plants of the north make less, so that stored loads find buyers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Literal

from pyproj import Geod

from participants.model import E7_PER_DEGREE, FacilityKind, Role
from seeds.containers import CONTAINER_CLASS_OF_CODE
from seeds.identity import account_number, credit_code, lorry_plate, vessel_code
from seeds.towns import TOWN_OF_HUB


@dataclass(frozen=True, slots=True)
class Site:
    """A facility; the fields are those of the register's AddFacility without the company."""

    kind: FacilityKind
    name: str
    name_zh: str
    hub: str
    latitude_e7: int
    longitude_e7: int
    opens_minute: int
    closes_minute: int


@dataclass(frozen=True, slots=True)
class Trailer:
    """A tube trailer with the lorry that draws it and the papers of its crew. The heel is at 15 °C."""

    vessel_id: str
    container_class: str
    water_volume_l: int
    max_pressure_pa: int
    heel_pressure_pa: int
    heel_temperature_mk: int
    plate: str
    driver_licence: str
    escort_licence: str


@dataclass(frozen=True, slots=True)
class Bank:
    """A fictional bank."""

    number: int
    name: str
    name_zh: str


@dataclass(frozen=True, slots=True)
class Company:
    """A company with all that the simulated day needs of it. Loads are per window: (A, B)."""

    code: str  # stable and short, the key of the seeds
    uscc: str
    name: str
    name_zh: str
    role: Role
    sites: tuple[Site, ...]
    bank: Bank
    account: str
    cash_fen: int
    container_classes: tuple[str, ...] = ()  # what its plant fills, its station takes, its fleet has
    supplies: tuple[int, int] = (0, 0)  # hydrogen loads that a producer can load, that a storage can keep (0, n)
    needs: tuple[int, int] = (0, 0)  # hydrogen loads that a station wants
    fleet: tuple[Trailer, ...] = ()
    prefers_green: bool = False

    @property
    def hub(self) -> str:
        """The hub of its first site; "" for a company without one."""
        return self.sites[0].hub if self.sites else ""

    @property
    def capacity(self) -> tuple[int, int]:
        """The loads that it declares for (A, B): of haulage its trailers, of hydrogen what it can load."""
        return (len(self.fleet), len(self.fleet)) if self.fleet else self.supplies

    @property
    def commodity(self) -> Literal["hydrogen", "haulage"]:
        """What its capacity is of."""
        return "haulage" if self.fleet else "hydrogen"


BANKS: tuple[Bank, ...] = (
    Bank(1, "Willowbridge Bank", "柳笺桥银行"),
    Bank(2, "Inkstone Hill Bank", "砚雪山银行"),
    Bank(3, "Gooseshore Bank", "雁字汀银行"),
)

# brand, brand in Chinese, hub, classes, loads it can fill in (A, B)
_PRODUCERS = (
    ("Frostford", "栖霜渡", "XIAOYI", "TUBE20 TUBE30", (10, 8)),
    ("Cloudgather", "拾云坞", "XIAOYI", "TUBE20", (8, 5)),
    ("Pinepillow", "枕松涧", "QINGXU", "TUBE20 TUBE30", (10, 4)),
    ("Reedlisten", "听苇汀", "QINGXU", "TUBE20", (7, 3)),
    ("Inksnow", "砚雪坪", "HONGTONG", "TUBE20", (8, 7)),
    ("Starcatch", "揽星垭", "LUCHENG", "TUBE20", (7, 6)),
    ("Cranereed", "鹤衔芦", "HEJIN", "TUBE20", (7, 6)),
    ("Windchase", "逐风塬", "SHUOZHOU", "TUBE20 TUBE30", (9, 5)),
    ("Moonrise", "望舒岫", "YUANPING", "TUBE20", (8, 4)),
)
# brand, brand in Chinese, hub, steel trailers, composite trailers
_HAULIERS = (
    ("Greensail", "青篷驿", "TAIYUAN", 13, 3),
    ("Gooseletter", "雁字桥", "JINZHONG", 13, 0),
    ("Duckweed", "萍踪埠", "LULIANG", 12, 2),
    ("Bambooshade", "竹影亭", "LINFEN", 13, 0),
    ("Swallowclay", "燕泥巷", "CHANGZHI", 10, 0),
    ("Pinedrum", "松鼓堠", "DATONG", 13, 3),
)
# brand, brand in Chinese, hub, loads it can keep from A to B
_STORAGES = (
    ("Moonkeep", "蓄月潭", "JINZHONG", 5),
    ("Rainbowhold", "藏虹谷", "TAIYUAN", 4),
)
# brand, brand in Chinese, hub, class, loads it needs in (A, B), whether it pays more for green hydrogen
_STATIONS = (
    ("Dawnlotus", "晓荷津", "TAIYUAN", "TUBE20", (4, 5), False),
    ("Willowflute", "柳笛湾", "TAIYUAN", "TUBE20", (4, 5), False),
    ("Apricotrain", "杏雨陂", "TAIYUAN", "TUBE20", (3, 4), True),
    ("Fireflylight", "萤照浦", "TAIYUAN", "TUBE30", (2, 3), False),
    ("Paulownia Court", "梧声院", "JINZHONG", "TUBE20", (4, 5), False),
    ("Rushmoon", "蒲月渚", "JINZHONG", "TUBE20", (3, 4), False),
    ("Tungblossom", "桐花坳", "LULIANG", "TUBE20", (3, 4), False),
    ("Dewmallow", "露葵圃", "LULIANG", "TUBE30", (2, 2), False),
    ("Pagodadream", "槐梦里", "LINFEN", "TUBE20", (3, 4), False),
    ("Orchidboat", "兰舟溆", "LINFEN", "TUBE20", (3, 4), False),
    ("Waterlilysong", "菱歌荡", "CHANGZHI", "TUBE20", (4, 4), False),
    ("Maplenote", "枫笺陌", "CHANGZHI", "TUBE20", (3, 4), False),
    ("Buckwheatsnow", "荞雪岭", "YUNCHENG", "TUBE20", (4, 5), False),
    ("Egretshade", "鹭影洲", "DATONG", "TUBE20", (4, 4), True),
    ("Mosstrace", "苔痕碛", "DATONG", "TUBE30", (2, 2), True),
)

_WAN_FEN = 1_000_000  # 10,000 CNY
_ROUND_THE_CLOCK = (0, 1_440)
_DEPOT_OPENING = (300, 1_380)
_STATION_OPENING = (360, 1_320)

_EARTH = Geod(ellps="WGS84")


def near(hub: str, number: int) -> tuple[int, int]:
    """A place 2 to 6 km from a hub's town, another one for each number: degrees times 10^7."""
    town = TOWN_OF_HUB[hub]
    longitude, latitude, _ = _EARTH.fwd(
        town.longitude_e7 / E7_PER_DEGREE,
        town.latitude_e7 / E7_PER_DEGREE,
        number * 47 % 360,
        2_000 + number * 700 % 4_000,
    )
    return round(latitude * E7_PER_DEGREE), round(longitude * E7_PER_DEGREE)


_WORDS: dict[FacilityKind, tuple[str, str, tuple[int, int]]] = {
    "plant": ("plant", "制氢厂", _ROUND_THE_CLOCK),
    "depot": ("depot", "车场", _DEPOT_OPENING),
    "storage": ("storage", "储氢站", _ROUND_THE_CLOCK),
    "station": ("station", "加氢站", _STATION_OPENING),
}
_BUSINESS: dict[Role, tuple[str, str]] = {
    "operator": ("Market Operations", "氢能交易运营"),
    "auditor": ("Assurance", "鉴证"),
    "producer": ("Hydrogen", "氢能"),
    "haulier": ("Logistics", "物流"),
    "storage_operator": ("Storage", "储能"),
    "station": ("Refuelling", "加氢服务"),
}


def _company(number: int, role: Role, brand: str, brand_zh: str, cash_wan: int) -> Company:
    bank = BANKS[number % len(BANKS)]
    business, business_zh = _BUSINESS[role]
    return Company(
        brand.lower().replace(" ", "-"),
        credit_code(number),
        f"{brand} {business}",
        f"{brand_zh}{business_zh}有限公司",
        role,
        (),
        bank,
        account_number(bank.number, number),
        cash_wan * _WAN_FEN,
    )


def _at(company: Company, number: int, kind: FacilityKind, brand: tuple[str, str], hub: str) -> Company:
    word, word_zh, opening = _WORDS[kind]
    town = TOWN_OF_HUB[hub]
    name, name_zh = f"{brand[0]} {town.name} {word}", f"{brand[1]}{town.name_zh}{word_zh}"
    return replace(company, sites=(Site(kind, name, name_zh, hub, *near(hub, number), *opening),))


def _trailers(numbers: Iterator[int], container_class: str, how_many: int) -> Iterator[Trailer]:
    made = CONTAINER_CLASS_OF_CODE[container_class]
    for number in islice(numbers, how_many):
        yield Trailer(
            vessel_code(container_class, number),
            container_class,
            made.water_volume_l,
            made.max_pressure_pa,
            made.heel_pressure_pa,
            made.heel_temperature_mk,
            lorry_plate(number),
            f"H2M-DRIVER-{number:04d}",
            f"H2M-ESCORT-{number:04d}",
        )


def _build() -> Iterator[Company]:
    numbers, trailers = count(1), count(1)
    yield _company(next(numbers), "operator", "Mirrorlake", "明镜渚", 500)
    yield _company(next(numbers), "auditor", "Balancewood", "衡木斋", 50)
    for brand, brand_zh, hub, classes, supplies in _PRODUCERS:
        number = next(numbers)
        plain = _company(number, "producer", brand, brand_zh, 80)
        sited = _at(plain, number, "plant", (brand, brand_zh), hub)
        yield replace(sited, container_classes=tuple(classes.split()), supplies=supplies)
    for brand, brand_zh, hub, steel, composite in _HAULIERS:
        number = next(numbers)
        sited = _at(_company(number, "haulier", brand, brand_zh, 20), number, "depot", (brand, brand_zh), hub)
        fleet = (*_trailers(trailers, "TUBE20", steel), *_trailers(trailers, "TUBE30", composite))
        classes_had = tuple(dict.fromkeys(trailer.container_class for trailer in fleet))
        yield replace(sited, container_classes=classes_had, fleet=fleet)
    for brand, brand_zh, hub, kept in _STORAGES:
        number = next(numbers)
        plain = _company(number, "storage_operator", brand, brand_zh, 100)
        sited = _at(plain, number, "storage", (brand, brand_zh), hub)
        yield replace(sited, container_classes=("TUBE20",), supplies=(0, kept))
    for brand, brand_zh, hub, container_class, needs, green in _STATIONS:
        number = next(numbers)
        sited = _at(_company(number, "station", brand, brand_zh, 150), number, "station", (brand, brand_zh), hub)
        yield replace(sited, container_classes=(container_class,), needs=needs, prefers_green=green)


#: Every company: the operator, the auditor, then producers, hauliers, storage operators and stations.
COMPANIES: tuple[Company, ...] = tuple(_build())

COMPANY_OF_CODE: dict[str, Company] = {company.code: company for company in COMPANIES}
