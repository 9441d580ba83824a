"""pyHanko as a peer: signs or validates one PDF over and over, warm and in one thread, and says how often a second.

usage: peer.py sign PDF KEY CERTIFICATE CHAIN SECONDS | peer.py validate PDF ROOT SECONDS
"""

import io
import json
import logging
import sys
import time
from importlib.metadata import version

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

logging.disable(logging.CRITICAL)


def signing(pdf, key, certificate, chain):
    signer = signers.SimpleSigner.load(key, certificate, ca_chain_files=[chain])
    metadata = signers.PdfSignatureMetadata(
        field_name="nguoi-ky", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
    )

    def once():
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        signed = signers.sign_pdf(writer, metadata, signer=signer)
        assert signed.getbuffer().nbytes > len(pdf)

    return once


def validating(pdf, root):
    # One context for all: what it has found of the chain, it keeps.
    context = ValidationContext(trust_roots=[load_cert_from_pemder(root)], allow_fetching=False)

    def once():
        signature = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[0]
        assert validate_pdf_signature(signature, context).bottom_line

    return once


def rate(once, seconds):
    once()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        once()
        done += 1
    return done / (time.perf_counter() - began)


act, path, *arguments, seconds = sys.argv[1:]
with open(path, "rb") as file:
    pdf = file.read()
once = {"sign": signing, "validate": validating}[act](pdf, *arguments)
best = max(rate(once, float(seconds)) for _ in range(2))
print(json.dumps({"rate": best, "name": f"pyHanko {version('pyhanko')}"}))
