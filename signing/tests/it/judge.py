"""pyHanko's verdicts on what we make. Reads {root, jobs: [{file, level, …}]} and writes one word for each job.

`at` is the time of validation in seconds; `content` is what a detached CMS is over, `file` a PDF without it.
"""

import asyncio
import hashlib
import json
import logging
import sys
from datetime import datetime, timezone

from asn1crypto import cms
from asn1crypto.crl import CertificateList
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.ades import (
    ades_basic_validation,
    ades_lta_validation,
    ades_with_time_validation,
)
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    PdfSignatureValidationSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
    FreshnessReqType,
)
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

logging.disable(logging.CRITICAL)


def specification(root, is_revocation_asked, lists):
    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build([root]),
        revinfo_policy=CertRevTrustPolicy(
            REQUIRE_REVINFO if is_revocation_asked else NO_REVOCATION,
            freshness=None,
            freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
        ),
    )
    crls = [CRLContainer(CertificateList.load(open(path, "rb").read())) for path in lists]
    return SignatureValidationSpec(policy, local_knowledge=LocalKnowledge(known_crls=crls))


async def judge(job, root):
    at = datetime.fromtimestamp(job["at"], timezone.utc)
    timing = ValidationTimingInfo(at, at, point_in_time_validation=True)
    spec = specification(root, job["revocation"], job["lists"])
    with open(job["file"], "rb") as file:
        if job["is_pdf"]:
            signature = PdfFileReader(file).embedded_regular_signatures[0]
            if job["level"] == "B-LTA":
                pdf_spec = PdfSignatureValidationSpec(spec)
                result = await ades_lta_validation(signature, pdf_spec, timing_info=timing)
                return str(result.ades_subindic).split(".")[-1]
            data, digest = signature.signed_data, signature.compute_digest()
        else:
            data, digest = cms.ContentInfo.load(file.read())["content"], None
            if job["content"]:
                hash_name = data["signer_infos"][0]["digest_algorithm"]["algorithm"].native
                digest = hashlib.new(hash_name, open(job["content"], "rb").read()).digest()
        process = ades_basic_validation if job["level"] == "B-B" else ades_with_time_validation
        result = await process(data, spec, timing_info=timing, raw_digest=digest)
        return str(result.ades_subindic).split(".")[-1]


def main():
    task = json.load(sys.stdin)
    root = load_cert_from_pemder(task["root"])
    verdicts = []
    for job in task["jobs"]:
        try:
            verdicts.append(asyncio.run(judge(job, root)))
        except Exception as error:
            verdicts.append(f"raised {type(error).__name__}: {error}")
    json.dump(verdicts, sys.stdout)


main()
