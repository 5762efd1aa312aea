// SPDX-License-Identifier: Apache-2.0
// TLS over an event loop: asio::ssl::stream, with a certificate that is made here.
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl.hpp>

#include "io_fixture.hpp"

namespace fanout_test {
namespace {

namespace ssl = asio::ssl;
using tls_stream = ssl::stream<tcp::socket>;

template <class T, void (*Free)(T*)>
struct freed_by {
  void operator()(T* object) const noexcept { Free(object); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY, EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509, X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION, X509_EXTENSION_free>>;

/// A key and a certificate for it, signed by itself, for `name`.
struct identity {
  explicit identity(const std::string& name)
      : key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")), certificate(X509_new()) {
    X509* const x = certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key.get());
    X509_NAME* const subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(x, subject);
    const extension_ptr names(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str()));
    X509_add_ext(x, names.get(), -1);
    if (X509_sign(x, key.get(), EVP_sha256()) == 0) throw std::runtime_error("X509_sign");
  }

  key_ptr key;
  certificate_ptr certificate;
};

class Tls : public io_suite {
 protected:
  Tls() {
    const identity known("localhost");
    if (SSL_CTX_use_certificate(server_side_.native_handle(), known.certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(server_side_.native_handle(), known.key.get()) != 1) {
      throw std::runtime_error("SSL_CTX_use");
    }
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client_side_.native_handle()), known.certificate.get());
    client_side_.set_verify_mode(ssl::verify_peer);
  }

  struct both {
    tls_stream client, server;
  };
  /// Over TCP, before the handshake.
  task<both> streams(const std::string& expected_name = "localhost") {
    auto [client, server] = co_await connected();
    both made{tls_stream(std::move(client), client_side_), tls_stream(std::move(server), server_side_)};
    made.client.set_verify_callback(ssl::host_name_verification(expected_name));
    co_return made;
  }
  static task<> shake_hands(both& streams) {
    co_await fanout::gather(streams.client.async_handshake(tls_stream::client, use_task),
                            streams.server.async_handshake(tls_stream::server, use_task));
  }

  ssl::context server_side_{ssl::context::tls_server}, client_side_{ssl::context::tls_client};
};

TEST_F(Tls, ShakesHandsTalksAndShutsDown) {
  auto main = [this]() -> task<> {
    auto streams = co_await this->streams();
    co_await shake_hands(streams);
    co_await write_all(streams.client, "question");
    EXPECT_EQ(co_await read_exactly(streams.server, 8), "question");
    co_await write_all(streams.server, "answer");
    EXPECT_EQ(co_await read_exactly(streams.client, 6), "answer");
    auto [at_client, at_server] = co_await fanout::gather(end_of(streams.client.async_shutdown(use_task)),
                                                          end_of(streams.server.async_shutdown(use_task)));
    EXPECT_EQ(at_client, "nothing");
    EXPECT_EQ(at_server, "nothing");
  };
  run(main());
}

TEST_F(Tls, AMegabyteGoesBothWays) {
  auto main = [this]() -> task<> {
    auto streams = co_await this->streams();
    co_await shake_hands(streams);
    const std::string megabyte(1 << 20, 'm');
    auto echoes = [&]() -> task<> {
      co_await write_all(streams.server, co_await read_exactly(streams.server, 1 << 20));
    };
    auto [sent, echoed, received] =
        co_await fanout::gather(write_all(streams.client, megabyte), echoes(), read_exactly(streams.client, 1 << 20));
    EXPECT_TRUE(received == megabyte);
  };
  run(main());
}

TEST_F(Tls, AServerWithAnotherNameIsRefused) {
  auto main = [this]() -> task<> {
    auto streams = co_await this->streams("elsewhere.example");
    auto [at_client, at_server] =
        co_await fanout::gather(end_of(streams.client.async_handshake(tls_stream::client, use_task)),
                                end_of(streams.server.async_handshake(tls_stream::server, use_task)));
    EXPECT_NE(at_client.find("certificate verify failed"), std::string::npos) << at_client;
    EXPECT_NE(at_server, "nothing");
  };
  run(main());
}

TEST_F(Tls, AHandshakeWithASilentPeerTimesOut) {
  auto main = [this]() -> task<> {
    auto [client, server] = co_await connected();
    tls_stream stream(std::move(client), client_side_);
    try {
      co_await fanout::timeout(5ms, stream.async_handshake(tls_stream::client, use_task));
      ADD_FAILURE() << "it shook hands with nobody";
    } catch (const fanout::timed_out&) {
    }
    EXPECT_EQ((co_await read_exactly(server, 1))[0], 22) << "it had said hello";
  };
  run(main());
}

TEST_F(Tls, AReadIsStopped) {
  auto main = [this]() -> task<> {
    auto streams = co_await this->streams();
    co_await shake_hands(streams);
    auto reads = fanout::spawn(end_of(read_exactly(streams.server, 1)));
    co_await others_run();
    EXPECT_FALSE(reads.ready());
    reads.cancel();
    EXPECT_EQ(co_await std::move(reads), "cancelled");
  };
  run(main());
}

TEST_F(Tls, AConnectionThatIsCutOffIsAnError) {
  auto main = [this]() -> task<> {
    auto streams = co_await this->streams();
    co_await shake_hands(streams);
    auto reads = fanout::spawn(end_of(read_exactly(streams.client, 1)));
    co_await others_run();
    streams.server.next_layer().close();
    EXPECT_EQ(co_await std::move(reads), error_code(ssl::error::stream_truncated).message());
  };
  run(main());
}

TEST_F(Tls, ManyConnectionsAtTheSameTime) {
  auto main = [this]() -> task<> {
    auto one = [this](int i) -> task<> {
      auto streams = co_await this->streams();
      co_await shake_hands(streams);
      const std::string text = std::to_string(1000 + i);
      auto [nothing, got] =
          co_await fanout::gather(write_all(streams.client, text), read_exactly(streams.server, text.size()));
      EXPECT_EQ(got, text);
    };
    std::vector<task<>> all;
    for (int i = 0; i < 16; ++i) all.push_back(one(i));
    co_await fanout::gather(std::move(all));
  };
  run(main());
}

}  // namespace
}  // namespace fanout_test
