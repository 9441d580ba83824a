"""pyHanko's ETSI TS 119 102-2 report on the first signature of a PDF: report.py ROOT.pem SECONDS FILE.pdf...

Prints JSON: for each file the main indication and the sub-indication that its XML bears, and the digest of what is
signed. SECONDS is the time of validation since 1970. Revocation is not asked.
"""

import asyncio
import datetime
import json
import sys
import xml.etree.ElementTree as ElementTree

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import ades
from pyhanko.sign.validation.policy_decl import SignatureValidationSpec
from pyhanko.sign.validation.report.tools import generate_report
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import NO_REVOCATION, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager

NAMESPACES = {
    "vr": "http://uri.etsi.org/19102/v1.2.1#",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}

root = load_cert_from_pemder(sys.argv[1])
at = datetime.datetime.fromtimestamp(int(sys.argv[2]), tz=datetime.timezone.utc)
spec = SignatureValidationSpec(
    cert_validation_policy=CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[root]),
        revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
    )
)
timing = ValidationTimingInfo(validation_time=at, best_signature_time=at, point_in_time_validation=True)


async def judge(signature):
    """By the process for the signature's level: the one for time-stamped signatures demands a time-stamp."""
    signature.compute_integrity_info()
    process = ades.ades_basic_validation
    if signature.signer_info["unsigned_attrs"].native:
        process = ades.ades_with_time_validation
    return await process(
        signature.signed_data, spec, timing_info=timing, raw_digest=signature.compute_digest()
    )


def text(report, path):
    found = report.find(path, NAMESPACES)
    return None if found is None or found.text is None else found.text.strip()


reports = []
for path in sys.argv[3:]:
    with open(path, "rb") as file:
        signature = PdfFileReader(file).embedded_regular_signatures[0]
        status = asyncio.run(judge(signature))
        report = ElementTree.fromstring(generate_report(signature, status))
        one = report.find("vr:SignatureValidationReport", NAMESPACES)
        status = "vr:SignatureValidationStatus/"
        reports.append(
            {
                "main": text(one, status + "vr:MainIndication"),
                "sub": text(one, status + "vr:SubIndication"),
                "signed": text(one, "vr:SignersDocument/vr:DigestAlgAndValue/ds:DigestValue"),
                "value": text(one, "vr:SignatureIdentifier/ds:SignatureValue"),
            }
        )
json.dump(reports, sys.stdout)
