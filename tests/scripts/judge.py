"""pyHanko's verdict on every signature of a PDF, as JSON: judge.py ROOT.pem FILE.pdf [lenient]"""

import json
import sys

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

root = load_cert_from_pemder(sys.argv[1])
verdicts = []
with open(sys.argv[2], "rb") as file:
    reader = PdfFileReader(file, strict="lenient" not in sys.argv)
    for signature in reader.embedded_signatures:
        context = ValidationContext(trust_roots=[root], allow_fetching=False)
        status = validate_pdf_signature(signature, signer_validation_context=context)
        verdicts.append(
            {
                "field": signature.field_name,
                "bottom_line": status.bottom_line,
                "intact": status.intact,
                "trusted": status.trusted,
                "coverage": str(status.coverage),
                "modification": str(status.modification_level),
                "docmdp_ok": status.docmdp_ok,
            }
        )
json.dump(verdicts, sys.stdout)
