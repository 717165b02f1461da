"""What the name of a column says of its values: the same words in the languages that tables are written in."""

import re
import unicodedata
from enum import StrEnum


class Hint(StrEnum):
    """What a column's name lets one expect."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    IBAN = "IBAN"
    CREDIT_CARD = "CREDIT_CARD"
    IP = "IP"
    NATIONAL_ID = "NATIONAL_ID"
    PERSON_NAME = "PERSON_NAME"
    BARE_NAME = "BARE_NAME"
    ADDRESS = "ADDRESS"
    POSTCODE = "POSTCODE"
    BIRTH = "BIRTH"
    VERSION = "VERSION"


_WORDS = {
    Hint.EMAIL: "email mail emailaddress correo courriel",
    Hint.PHONE: "phone phones telephone tel mobile cell cellphone fax msisdn telefon handy mobil telefono"
    " telephono phonenumber mobilenumber telno phoneno whatsapp",
    Hint.IBAN: "iban bankaccount konto accountiban",
    Hint.CREDIT_CARD: "card creditcard cardnumber ccnumber pan cc kreditkarte cardno",
    Hint.IP: "ip ipaddress ipaddr ipv4 ipv6 remoteaddr clientip",
    Hint.NATIONAL_ID: "ssn sin bsn nino nin passport nationalid nationalnumber personnummer fodselsnummer cpr cpf pesel"
    " dni nie nif curp aadhaar pan taxid tin steuerid idnr socialsecurity socialsecuritynumber nhs"
    " nhsnumber ahv avs nir codicefiscale personalnumber idcard kennitala insurancenumber",
    Hint.PERSON_NAME: "firstname lastname fullname surname givenname familyname middlename maidenname forename fname"
    " lname vorname nachname familienname prenom nomdefamille apellido apellidos cognome customername"
    " patientname employeename personname contactname username cardholder holdername ownername"
    " authorname",
    Hint.BARE_NAME: "name names",
    Hint.ADDRESS: "address addr street streetaddress homeaddress strasse adresse direccion indirizzo address1"
    " address2 addressline anschrift",
    Hint.POSTCODE: "postcode zip zipcode postalcode plz codepostal cap",
    Hint.BIRTH: "dob birthdate birthday dateofbirth birth born geburtsdatum geburtstag naissance datenaissance"
    " datedenaissance fechanacimiento fechadenacimiento birthyear yearofbirth datanascita",
    Hint.VERSION: "version ver release build",
}
_BY_WORD = {
    word: [hint for hint in Hint if word in _WORDS[hint].split()] for text in _WORDS.values() for word in text.split()
}
_ELSE = {"mac", "web", "url", "site", "email", "mail", "ip", "memory"}  # addresses of other things
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def hints(column: str) -> frozenset[Hint]:
    """What the name says, by its words and by neighbouring words written together."""
    plain = unicodedata.normalize("NFKD", column.replace("ß", "ss")).encode("ascii", "ignore").decode()
    parts = [part.lower() for part in _PARTS.findall(plain)]
    runs = {"".join(parts[start:end]) for start in range(len(parts)) for end in range(start + 1, len(parts) + 1)}
    found = {hint for run in runs for hint in _BY_WORD.get(run, ())}
    if _ELSE.intersection(parts):
        found.discard(Hint.ADDRESS)
    if len(parts) > 1:  # `product_name` is the name of no person
        found.discard(Hint.BARE_NAME)
    return frozenset(found)
