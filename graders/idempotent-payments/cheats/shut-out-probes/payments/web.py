"""Routes."""

import logging

import psycopg
from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from payments.charges import Charges, KeyUsed
from payments.database import Database
from payments.settings import Settings
from payments.validation import VISIBLE_ASCII, BadRequest, charge_request, json_object, name

log = logging.getLogger(__name__)


def create_app(settings: Settings, database: Database, charges: Charges) -> Flask:
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024

    @app.get("/health")
    def health() -> tuple[Response, int]:
        ready = database.ready()
        return jsonify(ready=ready), 200 if ready else 503

    @app.post("/charges")
    def create() -> tuple[Response, int]:
        charge = charges.create(charge_request(request.headers.get("Idempotency-Key"), request.get_data()))
        return jsonify(charge), 202 if charge["status"] == "pending" else 201

    @app.get("/charges/<charge_id>")
    def read(charge_id: str) -> tuple[Response, int]:
        charge = charges.get(charge_id) if VISIBLE_ASCII.fullmatch(charge_id) else None
        return (jsonify(error="no such charge"), 404) if charge is None else (jsonify(charge), 200)

    @app.get("/ledger")
    def ledger() -> Response:
        return jsonify(charges.ledger(name("merchant", request.args.get("merchant"))))

    @app.post("/webhooks/psp")
    def webhook() -> tuple[Response, int]:
        charges.learn(json_object(request.get_data()))
        return jsonify(taken=True), 200

    @app.errorhandler(BadRequest)
    def bad_request(error: BadRequest) -> tuple[Response, int]:
        return jsonify(error=str(error)), 400

    @app.errorhandler(KeyUsed)
    def key_used(error: KeyUsed) -> tuple[Response, int]:
        return jsonify(error=str(error)), settings.conflict_status

    @app.errorhandler(psycopg.Error)
    def database_failed(error: Exception) -> tuple[Response, int]:
        log.warning("database: %s", str(error).strip())
        return jsonify(error="the database cannot be used now"), 503

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        return jsonify(error=error.name), error.code or 500

    return app
