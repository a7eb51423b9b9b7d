from nact_conformance.suite import ConformanceSuite


class TestLogPersistenceEngine(ConformanceSuite):
    def url(self) -> str:
        return f"log://{self.folder}/journal.log"
