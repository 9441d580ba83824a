"""pyHanko signs: reads {signer, key, others, root, lists, clock, jobs: [{level, from, to}]} and writes signed files."""

import asyncio
import json
import sys
import urllib.request

from asn1crypto import tsp
from pyhanko.keys import load_cert_from_pemder, load_certs_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext


class Clock(TimeStamper):
    """Asks a time-stamping authority over the loopback."""

    def __init__(self, url):
        super().__init__()
        self.url = url

    async def async_request_tsa_response(self, req):
        headers = {"Content-Type": "application/timestamp-query"}
        request = urllib.request.Request(self.url, req.dump(), headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return tsp.TimeStampResp.load(answer.read())


async def sign(task, job):
    others = list(load_certs_from_pemder([task["others"]]))
    signer = signers.SimpleSigner.load(
        task["key"], task["signer"], ca_chain_files=[task["others"]]
    )
    context = ValidationContext(
        trust_roots=[load_cert_from_pemder(task["root"])],
        other_certs=others,
        crls=[open(path, "rb").read() for path in task["lists"]],
        allow_fetching=False,
        revocation_mode="soft-fail",
    )
    is_lasting = job["level"] == "B-LTA"
    metadata = signers.PdfSignatureMetadata(
        field_name="nguoi-ky",
        subfilter=SigSeedSubFilter.PADES,
        md_algorithm="sha256",
        validation_context=context,
        embed_validation_info=is_lasting,
        use_pades_lta=is_lasting,
    )
    clock = None if job["level"] == "B-B" else Clock(task["clock"])
    with open(job["from"], "rb") as source, open(job["to"], "wb") as to:
        writer = IncrementalPdfFileWriter(source)
        await signers.async_sign_pdf(writer, metadata, signer, timestamper=clock, output=to)


task = json.load(sys.stdin)
for job in task["jobs"]:
    asyncio.run(sign(task, job))
json.dump([], sys.stdout)
