"""The codes of SageMaker's quotas for endpoints, by instance type. Pure.

A code does not follow from a name, and Service Quotas has no filter by name (API: ListServiceQuotas). Source:
recordings/service-quotas/ListServiceQuotas.yaml. A type without a code here is searched for by its name.
"""

from __future__ import annotations

from collections.abc import Iterator

# A line: a family of types, then each size with its code.
_TABLE = """
c4: large L-6DF60D19  xlarge L-F8C60E1D  2xlarge L-54106F23  4xlarge L-605A110B  8xlarge L-DF052B7B
c5: large L-4D27DFDD  xlarge L-E9EE5599  2xlarge L-E091038E  4xlarge L-FEF755D6  9xlarge L-C15ACFF4
c5: 18xlarge L-409A03CD
c5d: large L-919688C1  xlarge L-F30D287E  2xlarge L-529E971B  4xlarge L-A06D6E01  9xlarge L-50755EC1
c5d: 18xlarge L-6A6E4B44
c6g: large L-4E81EEAC  xlarge L-525AAB0A  2xlarge L-B87A968D  4xlarge L-4C2FABCC  8xlarge L-6D865216
c6g: 12xlarge L-35E5433E  16xlarge L-60986E7E
c6gd: large L-C10DAD58  xlarge L-EDFF07E7  2xlarge L-FD9E9507  4xlarge L-C4B5BAD2  8xlarge L-4027057F
c6gd: 12xlarge L-CCE6D1FE  16xlarge L-018036DB
c6gn: large L-941884ED  xlarge L-754870FD  2xlarge L-5F238DF4  4xlarge L-DA37C575  8xlarge L-DB5B82A8
c6gn: 12xlarge L-78B3DA25  16xlarge L-E9BB87E2
c6i: large L-3C2EBC55  xlarge L-28FF72CA  2xlarge L-4FDB33AC  4xlarge L-B5612E02  8xlarge L-18904FF8
c6i: 12xlarge L-2AD0234B  16xlarge L-FE72E327  24xlarge L-9A32E51C  32xlarge L-769D172E
c7g: large L-3F48ACC6  xlarge L-4A5B28AA  2xlarge L-85DBDADC  4xlarge L-52FB7989  8xlarge L-52008469
c7g: 12xlarge L-57850F1B  16xlarge L-A7E8B111
c7i: large L-9FCA2A26  xlarge L-9A5FC4CF  2xlarge L-41DD34AF  4xlarge L-8C4E467D  8xlarge L-DD693DF2
c7i: 12xlarge L-D98C40FA  16xlarge L-4B9D3092  24xlarge L-B78A48C6  48xlarge L-176880B1
c8g: medium L-45DE7A7D  large L-82BF4638  xlarge L-EBB53C25  2xlarge L-CBBEA301  4xlarge L-4422BF16
c8g: 8xlarge L-63F6725D  12xlarge L-9A2C5AF9  16xlarge L-882F7F72  24xlarge L-866A1DFA  48xlarge L-ED698555
g4dn: xlarge L-B67CFA0C  2xlarge L-EA346344  4xlarge L-31522FA6  8xlarge L-7D28AD75  12xlarge L-07BEB181
g4dn: 16xlarge L-8679F6F3
g5: xlarge L-1928E07B  2xlarge L-9614C779  4xlarge L-C1B9A48D  8xlarge L-065D610E  12xlarge L-65C4BD00
g5: 16xlarge L-962705EA  24xlarge L-6821867B  48xlarge L-0100B823
g6: xlarge L-D470D954  2xlarge L-98BDE811  4xlarge L-DFB10FDE  8xlarge L-B0F91871  12xlarge L-0A29AACF
g6: 16xlarge L-913947FA  24xlarge L-6A3E5D65  48xlarge L-28FEB563
g6e: xlarge L-B0729CB4  2xlarge L-F8D7F460  4xlarge L-93531071  8xlarge L-96A28D02  12xlarge L-60313EA3
g6e: 16xlarge L-2930A179  24xlarge L-AE407E8B  48xlarge L-E0C458EA
inf1: xlarge L-B2B3BA64  2xlarge L-495AAEE0  6xlarge L-574C8A05  24xlarge L-F971E784
inf2: xlarge L-C8AB7CDA  8xlarge L-F761337C  24xlarge L-9C39178F  48xlarge L-286C98BC
m4: xlarge L-97CF11BE  2xlarge L-6198DF25  4xlarge L-3727EAE2  10xlarge L-C4008A6B  16xlarge L-BCA7D0DE
m5: large L-614B09FD  xlarge L-2F737F8D  2xlarge L-C88C8F13  4xlarge L-E2649D46  12xlarge L-A9F2A8B3
m5: 24xlarge L-329751EB
m5d: large L-98F45D48  xlarge L-3E65B286  2xlarge L-8F28AFFB  4xlarge L-2BF1C629  12xlarge L-B7AC53F5
m5d: 24xlarge L-24B12C23
m6g: large L-C1E62DF0  xlarge L-2D2AAC6C  2xlarge L-BCBC84AA  4xlarge L-8EE25AE3  8xlarge L-DE9841A6
m6g: 12xlarge L-9D10CA98  16xlarge L-AF1BC9E1
m6gd: large L-1630284B  xlarge L-4F185009  2xlarge L-AB53E0CA  4xlarge L-CCA2CA42  8xlarge L-95B12835
m6gd: 12xlarge L-B25B9B93  16xlarge L-B46EE84C
m7i: large L-3E715088  xlarge L-E793924B  2xlarge L-6C9165E8  4xlarge L-80F387A8  8xlarge L-AE505887
m7i: 12xlarge L-0AFA3D20  16xlarge L-6F258322  24xlarge L-C473817C  48xlarge L-452C73A2
m8g: medium L-B6BF3EB3  large L-05282267  xlarge L-9260DE8C  2xlarge L-EEC7404F  4xlarge L-909CDAD7
m8g: 8xlarge L-334BD79D  12xlarge L-9388DC01  16xlarge L-663B74F3  24xlarge L-21A99C91  48xlarge L-721FFF7B
p3: 2xlarge L-1623D0BE  8xlarge L-CB985DC5  16xlarge L-6A85BC13
p4d: 24xlarge L-09F79647
p4de: 24xlarge L-456B4C5F
p5: 48xlarge L-16AF71F1
p5e: 48xlarge L-3FA71971
p5en: 48xlarge L-B1A16872
r5: large L-B156D5EC  xlarge L-BCA2C892  2xlarge L-AA5E2462  4xlarge L-DD362E80  12xlarge L-23FF30BF
r5: 24xlarge L-B03C553E
r5d: large L-E0299BF7  xlarge L-37CA4776  2xlarge L-A40ED4BA  4xlarge L-C4DFBAA1  12xlarge L-283CDA96
r5d: 24xlarge L-D71E726A
r6g: large L-D7FE33BF  xlarge L-B8A3B4CE  2xlarge L-862299A2  4xlarge L-713F6743  8xlarge L-BB73F76A
r6g: 12xlarge L-DACE30FC  16xlarge L-42EAE6FA
r6gd: large L-7432A529  xlarge L-660E0683  2xlarge L-93490D80  4xlarge L-AE2F2D88  8xlarge L-593EF138
r6gd: 12xlarge L-177D4E91  16xlarge L-6995701D
r7gd: medium L-F0365EA9  large L-2FFC6F34  xlarge L-DE8FE3FA  2xlarge L-9E4D1B86  4xlarge L-E28416C6
r7gd: 8xlarge L-E0385488  12xlarge L-2A783E1C  16xlarge L-DF3F3E67
r7i: large L-5B7CF402  xlarge L-B7476528  2xlarge L-FEEF2E8A  4xlarge L-7EB267B3  8xlarge L-CC3E5CD9
r7i: 12xlarge L-F43F60C3  16xlarge L-E1AF5362  24xlarge L-7E4516BC  48xlarge L-BD94420E
r8g: medium L-001567EF  large L-3245CAF1  xlarge L-1A35F5CB  2xlarge L-FDD27A76  4xlarge L-81CDC86A
r8g: 8xlarge L-8728B705  12xlarge L-3BBC35A9  16xlarge L-DC90E824  24xlarge L-04956A25  48xlarge L-C1E99663
t2: medium L-29C181D7  large L-1410387A  xlarge L-B82FDF78  2xlarge L-20700136
trn1: 2xlarge L-5C911603  32xlarge L-EA9871A7
"""


def quota_name(instance_type: str) -> str:
    """Return how Service Quotas calls the number of instances of a type for endpoints."""
    return f"{instance_type} for endpoint usage"


def _rows() -> Iterator[tuple[str, str]]:
    for line in _TABLE.split("\n"):
        family, _, cells = line.partition(": ")
        words = cells.split()
        yield from ((f"ml.{family}.{size}", code) for size, code in zip(words[::2], words[1::2], strict=True))


CODES = dict(_rows())
