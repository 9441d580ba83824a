"""pyHanko's verdict on every signature of a PDF, as JSON: judge.py ROOT.pem FILE.pdf [lenient]

A document that bears a document time-stamp is also judged as an archived signature (AdES-LTA), now and simulated ten
months later, from its own evidence alone.
"""

import asyncio
import json
import sys
from datetime import datetime, timedelta, timezone

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.ades import ades_lta_validation, simulate_future_ades_lta_validation
from pyhanko.sign.validation.policy_decl import (
    PdfSignatureValidationSpec,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy, FreshnessReqType
from pyhanko_certvalidator.registry import SimpleTrustManager


def archive_rules(root):
    revocation = CertRevTrustPolicy(
        REQUIRE_REVINFO,
        freshness=None,
        freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
    )
    rules = SignatureValidationSpec(
        cert_validation_policy=CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build([root]), revinfo_policy=revocation
        ),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY
        ),
    )
    return PdfSignatureValidationSpec(rules)


async def judge(reader, root):
    is_archived = bool(reader.embedded_timestamp_signatures)
    for signature in reader.embedded_regular_signatures:
        context = ValidationContext(trust_roots=[root], allow_fetching=False)
        status = await async_validate_pdf_signature(signature, signer_validation_context=context)
        archived = later = None
        if is_archived:
            rules = archive_rules(root)
            in_ten_months = datetime.now(tz=timezone.utc) + timedelta(days=300)
            archived = await ades_lta_validation(signature, rules)
            later = await simulate_future_ades_lta_validation(signature, rules, in_ten_months)
        yield {
            "field": signature.field_name,
            "bottom_line": status.bottom_line,
            "intact": status.intact,
            "trusted": status.trusted,
            "coverage": str(status.coverage),
            "modification": str(status.modification_level),
            "docmdp_ok": status.docmdp_ok,
            "archived": archived and str(archived.ades_subindic),
            "later": later and str(later.ades_subindic),
        }


async def main(root, path):
    with open(path, "rb") as file:
        reader = PdfFileReader(file, strict="lenient" not in sys.argv)
        return [verdict async for verdict in judge(reader, root)]


json.dump(asyncio.run(main(load_cert_from_pemder(sys.argv[1]), sys.argv[2])), sys.stdout)
