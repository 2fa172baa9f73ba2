/*M!999999\- enable the sandbox mode */ 

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `testdb` /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_swedish_ci */;

USE `testdb`;
DROP TABLE IF EXISTS `access_token_data`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `access_token_data` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `key` varchar(32) NOT NULL COMMENT 'The key of an entry converted to the key in a Python dict.',
  `value` varchar(32) NOT NULL COMMENT 'The value of an entry converted to the value in a Python dict.',
  `access_token_id` int(11) NOT NULL COMMENT 'The unique identifier of the access token a row  belongs to.',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `access_token_data` WRITE;
/*!40000 ALTER TABLE `access_token_data` DISABLE KEYS */;
INSERT INTO `access_token_data` VALUES
(1,'team','blue',1),
(2,'team','blue',2),
(3,'team','blue',3),
(4,'team','blue',4),
(5,'team','blue',5),
(6,'team','blue',6),
(7,'team','blue',7);
/*!40000 ALTER TABLE `access_token_data` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `access_token_scopes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `access_token_scopes` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(32) NOT NULL COMMENT 'The name of scope.',
  `access_token_id` int(11) NOT NULL COMMENT 'The unique identifier of the access token this scope belongs to.',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=15 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `access_token_scopes` WRITE;
/*!40000 ALTER TABLE `access_token_scopes` DISABLE KEYS */;
INSERT INTO `access_token_scopes` VALUES
(1,'read',1),
(2,'write',1),
(3,'read',2),
(4,'write',2),
(5,'read',3),
(6,'write',3),
(7,'read',4),
(8,'write',4),
(9,'read',5),
(10,'write',5),
(11,'read',6),
(12,'write',6),
(13,'read',7),
(14,'write',7);
/*!40000 ALTER TABLE `access_token_scopes` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `access_tokens`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `access_tokens` (
  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'Unique identifier',
  `client_id` varchar(32) NOT NULL COMMENT 'The identifier of a client. Assuming it is an arbitrary text which is a maximum of 32 characters long.',
  `grant_type` enum('authorization_code','implicit','password','client_credentials','refresh_token') NOT NULL COMMENT 'The type of a grant for which a token has been issued.',
  `token` char(36) NOT NULL COMMENT 'The access token.',
  `expires_at` timestamp NULL DEFAULT NULL COMMENT 'The timestamp at which the token expires.',
  `refresh_token` char(36) DEFAULT NULL COMMENT 'The refresh token.',
  `refresh_expires_at` timestamp NULL DEFAULT NULL COMMENT 'The timestamp at which the refresh token expires.',
  `user_id` int(11) DEFAULT NULL COMMENT 'The identifier of the user this token belongs to.',
  PRIMARY KEY (`id`),
  KEY `fetch_by_refresh_token` (`refresh_token`),
  KEY `fetch_existing_token_of_user` (`client_id`,`grant_type`,`user_id`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `access_tokens` WRITE;
/*!40000 ALTER TABLE `access_tokens` DISABLE KEYS */;
INSERT INTO `access_tokens` VALUES
(1,'notes','authorization_code','a0000000-0000-4000-8000-000000000001','2037-01-01 00:00:00','b0000000-0000-4000-8000-000000000001','2037-01-01 00:00:00',7),
(2,'notes','authorization_code','a0000000-0000-4000-8000-000000000002','2037-01-01 00:00:00','b0000000-0000-4000-8000-000000000002','2037-01-01 00:00:00',7),
(3,'notes','authorization_code','a0000000-0000-4000-8000-000000000003','2001-09-09 01:46:40','b0000000-0000-4000-8000-000000000003','2037-01-01 00:00:00',7),
(4,'notes','authorization_code','a0000000-0000-4000-8000-000000000004','2001-09-09 01:46:40','b0000000-0000-4000-8000-000000000004','2001-09-09 01:46:40',7),
(5,'robot','client_credentials','a0000000-0000-4000-8000-000000000005',NULL,NULL,NULL,NULL),
(6,'gone','authorization_code','a0000000-0000-4000-8000-000000000006','2037-01-01 00:00:00',NULL,NULL,7);
/*!40000 ALTER TABLE `access_tokens` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `auth_code_data`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `auth_code_data` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `key` varchar(32) NOT NULL COMMENT 'The key of an entry converted to the key in a Python dict.',
  `value` varchar(32) NOT NULL COMMENT 'The value of an entry converted to the value in a Python dict.',
  `auth_code_id` int(11) NOT NULL COMMENT 'The identifier of the authorisation code that this row belongs to.',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `auth_code_data` WRITE;
/*!40000 ALTER TABLE `auth_code_data` DISABLE KEYS */;
/*!40000 ALTER TABLE `auth_code_data` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `auth_code_scopes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `auth_code_scopes` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(32) NOT NULL,
  `auth_code_id` int(11) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `auth_code_scopes` WRITE;
/*!40000 ALTER TABLE `auth_code_scopes` DISABLE KEYS */;
INSERT INTO `auth_code_scopes` VALUES
(1,'read',1);
/*!40000 ALTER TABLE `auth_code_scopes` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `auth_codes`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `auth_codes` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `client_id` varchar(32) NOT NULL COMMENT 'The identifier of a client. Assuming it is an arbitrary text which is a maximum of 32 characters long.',
  `code` char(36) NOT NULL COMMENT 'The authorisation code.',
  `expires_at` timestamp NOT NULL COMMENT 'The timestamp at which the token expires.',
  `redirect_uri` varchar(128) DEFAULT NULL COMMENT 'The redirect URI send by the client during the request of an authorisation code.',
  `user_id` int(11) DEFAULT NULL COMMENT 'The identifier of the user this authorisation code belongs to.',
  PRIMARY KEY (`id`),
  KEY `fetch_code` (`code`)
) ENGINE=InnoDB AUTO_INCREMENT=2 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `auth_codes` WRITE;
/*!40000 ALTER TABLE `auth_codes` DISABLE KEYS */;
INSERT INTO `auth_codes` VALUES
(1,'notes','c0000000-0000-4000-8000-000000000001','2037-01-01 00:00:00','https://notes.example/cb',7);
/*!40000 ALTER TABLE `auth_codes` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `client_grants`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `client_grants` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `name` varchar(32) NOT NULL,
  `client_id` int(11) NOT NULL COMMENT 'The id of the client a row belongs to.',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `client_grants` WRITE;
/*!40000 ALTER TABLE `client_grants` DISABLE KEYS */;
INSERT INTO `client_grants` VALUES
(1,'authorization_code',1),
(2,'refresh_token',1),
(3,'client_credentials',2),
(4,'authorization_code',3);
/*!40000 ALTER TABLE `client_grants` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `client_redirect_uris`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `client_redirect_uris` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `redirect_uri` varchar(128) NOT NULL COMMENT 'A URI of a client.',
  `client_id` int(11) NOT NULL COMMENT 'The id of the client a row belongs to.',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `client_redirect_uris` WRITE;
/*!40000 ALTER TABLE `client_redirect_uris` DISABLE KEYS */;
INSERT INTO `client_redirect_uris` VALUES
(1,'https://notes.example/cb',1),
(2,'http://plain.example/cb#here',3);
/*!40000 ALTER TABLE `client_redirect_uris` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `client_response_types`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `client_response_types` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `response_type` varchar(32) NOT NULL COMMENT 'The response type that a client can use.',
  `client_id` int(11) NOT NULL COMMENT 'The id of the client a row belongs to.',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `client_response_types` WRITE;
/*!40000 ALTER TABLE `client_response_types` DISABLE KEYS */;
INSERT INTO `client_response_types` VALUES
(1,'code',1),
(2,'code',3);
/*!40000 ALTER TABLE `client_response_types` ENABLE KEYS */;
UNLOCK TABLES;
DROP TABLE IF EXISTS `clients`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `clients` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `identifier` varchar(32) NOT NULL COMMENT 'The identifier of a client.',
  `secret` varchar(32) NOT NULL COMMENT 'The secret of a client.',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `clients` WRITE;
/*!40000 ALTER TABLE `clients` DISABLE KEYS */;
INSERT INTO `clients` VALUES
(1,'notes','old-secret-of-notes'),
(2,'robot','old-secret-of-robot'),
(3,'plain','old-secret-of-plain');
/*!40000 ALTER TABLE `clients` ENABLE KEYS */;
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

